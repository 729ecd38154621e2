// What lrc_calibrate makes of models whose files hold more than they need, or whose numbers their dtype doesn't hold.
#include "campaign/tiny_model.hpp"
#include "program.hpp"
#include "stored_tensors.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

class OddModels : public testing::Test {
 protected:
  OddModels() {
    write_tiny_model(directory_ / "model", 2);
    write_tiny_tokens(directory_ / "tokens.npy", 256);
  }

  void change_tensors(const std::function<void(StoredTensors&)>& change) {
    StoredTensors tensors = read_tensors(directory_ / "model");
    change(tensors);
    write_tensors(directory_ / "model/model.safetensors", tensors);
  }

  void change_config(const nlohmann::json& changes) {
    nlohmann::json config = json_file(directory_ / "model/config.json");
    config.merge_patch(changes);
    write_file(directory_ / "model/config.json", config.dump());
  }

  Outcome calibrate(const std::string& output, const std::string& more = "", int ranks = 0) const {
    return run_program("lrc_calibrate",
                       "--model " + (directory_ / "model").string() + " --calibration " +
                           (directory_ / "tokens.npy").string() + " --sequences 8 --sequence-length 16 --threads 1 " +
                           more + " --output " + (directory_ / output).string(),
                       ranks);
  }

  TemporaryDirectory directory_;
};

TEST_F(OddModels, TensorsThatNobodyNeedsDecideNothing) {
  ASSERT_EQ(calibrate("out").exit_code, 0);
  change_tensors([](StoredTensors& tensors) { tensors.merge(needless_tensors()); });
  const Outcome again = calibrate("out");
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_NE(again.output.find("made by this very run"), std::string::npos) << again.output;
  change_tensors([](StoredTensors& tensors) { tensors["model.norm.weight"].bytes[0] ^= 1; });
  EXPECT_EQ(calibrate("out").exit_code, 2);
}

void expect_dtype(const fs::path& output, const std::string& key, const std::string& in_torch, Dtype dtype) {
  EXPECT_EQ(json_file(output / "config.json").at(key), in_torch);
  const StoredTensors tensors = read_tensors(output);
  for (const char* name : {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"})
    EXPECT_EQ(tensors.at(name).dtype, dtype) << name;
}

TEST_F(OddModels, TheOutputSaysWhatDtypeItHas) {
  const std::string quick = "--method rtn";
  for (const auto& [stated, in_torch, dtype] : {std::tuple{"auto", "float32", Dtype::f32},
                                                {"torch.bfloat16", "bfloat16", Dtype::bf16},
                                                {"half", "float16", Dtype::f16},
                                                {"double", "float32", Dtype::f32}}) {
    change_config({{"torch_dtype", stated}});
    ASSERT_EQ(calibrate(stated, quick).exit_code, 0);
    expect_dtype(directory_ / stated, "torch_dtype", in_torch, dtype);
  }
  change_config({{"torch_dtype", nullptr}, {"dtype", "bfloat16"}});
  ASSERT_EQ(calibrate("new", quick).exit_code, 0);
  expect_dtype(directory_ / "new", "dtype", "bfloat16", Dtype::bf16);
  EXPECT_FALSE(json_file(directory_ / "new/config.json").contains("torch_dtype"));
  change_config({{"dtype", nullptr}});
  ASSERT_EQ(calibrate("none", quick).exit_code, 0);
  expect_dtype(directory_ / "none", "torch_dtype", "float32", Dtype::f32);
}

TEST_F(OddModels, WhatFloat16CannotHoldIsWrittenAsFloat32OnAnyNumberOfRanks) {
  change_config({{"torch_dtype", "float16"}});
  change_tensors([](StoredTensors& tensors) {
    for (const auto& [name, factor] : {std::pair{"model.norm.weight", 3e4F}, std::pair{"lm_head.weight", 4.0F}}) {
      std::vector<float> values = floats_of(tensors[name]);  // within float16 before the one is fused into the other
      for (float& value : values) value *= factor;
      tensors[name].bytes = bytes_from(values);
    }
  });
  const Outcome one = calibrate("1"), two = calibrate("2", "", 2);
  for (const Outcome& outcome : {one, two}) {
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_NE(outcome.output.find("can't hold what is to be written of 'lm_head.weight'"), std::string::npos)
        << outcome.output;
  }
  expect_dtype(directory_ / "1", "torch_dtype", "float32", Dtype::f32);
  EXPECT_EQ(contents(directory_ / "1"), contents(directory_ / "2"));
}

TEST_F(OddModels, RotatedNumbersBeyondFloat32AreNotWritten) {
  change_tensors([](StoredTensors& tensors) {
    std::vector<float> norm = floats_of(tensors["model.norm.weight"]);
    norm[5] = 3e38F;
    tensors["model.norm.weight"].bytes = bytes_from(norm);
    std::vector<float> head = floats_of(tensors["lm_head.weight"]);
    for (float& value : head) value *= 100;
    tensors["lm_head.weight"].bytes = bytes_from(head);
  });
  const Outcome outcome = calibrate("out");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("tensor 'lm_head.weight' would hold"), std::string::npos) << outcome.output;
  EXPECT_FALSE(fs::exists(directory_ / "out"));
}

}  // namespace
}  // namespace lrc
