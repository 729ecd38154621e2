// Bad input is refused before any work: exit 2, one message that names what is wrong.
#include <cmath>
#include <cstring>
#include <functional>

#include "program.hpp"
#include "random_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

// A copy of the demo model to be spoilt.
class SpoiltModel : public testing::Test {
 protected:
  SpoiltModel() { fs::copy(demo_directory(), model()); }
  fs::path model() const { return directory_ / "model"; }

  void change_config(const std::string& key, const nlohmann::json& value) {
    nlohmann::json config = json_file(model() / "config.json");
    config[key] = value;
    write_file(model() / "config.json", config.dump());
  }

  // The header is edited as a tree and written back with the data unchanged.
  void change_header(const std::function<void(nlohmann::ordered_json&)>& change) {
    const fs::path file = model() / "model.safetensors";
    std::string bytes = file_bytes(file);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    auto header = nlohmann::ordered_json::parse(bytes.substr(8, length));
    change(header);
    const std::string text = header.dump();
    const std::uint64_t size = text.size();
    write_file(file, std::string(reinterpret_cast<const char*>(&size), 8) + text + bytes.substr(8 + length));
  }

  // Another model in place of the demo.
  void take_random(const nlohmann::json& config, bool fused_experts = false) {
    fs::remove_all(model());
    write_random_model(model(), config, fused_experts);
  }

  void lose_tensor(const std::string& name) {
    change_header([&](auto& header) {
      header["another"] = header.at(name);
      header.erase(name);
    });
  }

  void reshape_tensor(const std::string& name, const std::vector<Index>& shape) {
    change_header([&](auto& header) { header.at(name)["shape"] = shape; });
  }

  void expect_refused(const std::string& named, const std::string& more = "", std::string of_model = "") {
    const fs::path output = directory_ / "out";
    if (of_model.empty()) of_model = model();
    std::string arguments = "--model " + of_model + " --threads 1 --output " + output.string() + " " + more;
    const auto otherwise = [&](const std::string& option, const std::string& value) {
      if (more.find(option + " ") == std::string::npos) arguments += " " + option + " " + value;
    };
    otherwise("--calibration", demo_directory() + "/calibration.npy");
    otherwise("--sequences", "4");
    otherwise("--sequence-length", "256");
    for (const int ranks : {0, 2}) {
      const Outcome outcome = run_program("lrc_calibrate", arguments, ranks);
      EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
      EXPECT_NE(outcome.output.find(named), std::string::npos) << "'" << named << "' is not in: " << outcome.output;
      const auto first = outcome.output.find("lrc: error");
      EXPECT_NE(first, std::string::npos) << outcome.output;
      EXPECT_EQ(outcome.output.find("lrc: error", first + 1), std::string::npos)
          << "more than one message: " << outcome.output;
      EXPECT_EQ(outcome.output.find("mpirun"), std::string::npos) << "mpirun speaks, too: " << outcome.output;
      EXPECT_FALSE(fs::exists(output));
      EXPECT_FALSE(fs::exists(output.string() + ".checkpoint")) << "work was begun";
    }
  }

  TemporaryDirectory directory_;
};

TEST_F(SpoiltModel, MissingWeights) {
  fs::remove(model() / "model.safetensors");
  expect_refused("neither model.safetensors nor model.safetensors.index.json");
}

TEST_F(SpoiltModel, NameOnTheHub) {
  expect_refused("hf download meta-llama/Llama-3-8B --local-dir Llama-3-8B", "", "meta-llama/Llama-3-8B");
}

TEST_F(SpoiltModel, TruncatedWeights) {
  fs::resize_file(model() / "model.safetensors", fs::file_size(model() / "model.safetensors") - 10);
  expect_refused("truncated");
}

TEST_F(SpoiltModel, OverlappingTensors) {
  change_header([](auto& header) {
    auto& offsets = header["model.norm.weight"]["data_offsets"];
    offsets = {offsets[0].template get<std::int64_t>() - 384, offsets[1].template get<std::int64_t>() - 384};
  });
  expect_refused("overlap");
}

TEST_F(SpoiltModel, IndexLeadsOut) {
  fs::rename(model() / "model.safetensors", directory_ / "outside.safetensors");
  write_file(model() / "model.safetensors.index.json",
             R"({"weight_map":{"model.norm.weight":"../outside.safetensors"}})");
  expect_refused("../outside.safetensors");
}

TEST_F(SpoiltModel, WrongShape) {
  change_config("intermediate_size", 511);
  expect_refused("model.layers.0.mlp.gate_proj.weight' is 512×192, but config.json asks for 511×192");
}

TEST_F(SpoiltModel, WrongDtype) {
  change_header([](auto& header) {
    auto& norm = header["model.norm.weight"];
    norm["dtype"] = "I32";
    norm["shape"] = {96};
  });
  expect_refused("model.norm.weight");
}

TEST_F(SpoiltModel, MissingTensor) {
  change_config("num_hidden_layers", 5);
  expect_refused("model.layers.4.input_layernorm.weight");
}

TEST_F(SpoiltModel, NotANumberInAWeight) {
  std::string bytes = file_bytes(model() / "model.safetensors");
  bytes[bytes.size() - 1] = static_cast<char>(0x7F);  // the last bfloat16 becomes a NaN
  bytes[bytes.size() - 2] = static_cast<char>(0xC1);
  write_file(model() / "model.safetensors", bytes);
  expect_refused("holds nan at element");
}

TEST_F(SpoiltModel, UnknownArchitecture) {
  change_config("model_type", "mamba");
  expect_refused("'mamba'; it may be llama");
}

TEST_F(SpoiltModel, SlidingWindow) {
  change_config("sliding_window", 4096);
  expect_refused("sliding_window");
}

TEST_F(SpoiltModel, ExpertsOfAModelThatHasNone) {
  change_config("model_type", "mixtral");
  change_config("sliding_window", nullptr);
  expect_refused("'num_local_experts' is missing");
  change_config("num_local_experts", 4);
  change_config("num_experts_per_tok", 5);
  expect_refused("'num_experts_per_tok' 5 is more than 'num_local_experts' 4");
  change_config("num_experts_per_tok", 2);
  expect_refused("model.layers.0.block_sparse_moe.gate.weight");
}

TEST_F(SpoiltModel, ExpertsThatAreMissing) {
  const std::string lost = "model.layers.1.block_sparse_moe.experts.3.w2.weight";
  take_random(random_model_config("mixtral"));
  lose_tensor(lost);
  expect_refused("tensor '" + lost + "' is missing");
  for (const std::string name : {"model.layers.0.mlp.experts.gate_up_proj", "model.layers.0.mlp.experts.down_proj",
                                 "model.layers.1.mlp.experts.gate_up_proj", "model.layers.0.mlp.gate.weight"}) {
    take_random(random_model_config("mixtral"), true);
    lose_tensor(name);
    expect_refused("tensor '" + name + "' is missing");
  }
}

TEST_F(SpoiltModel, ARouterOfTheWrongShape) {
  take_random(random_model_config("mixtral"));
  reshape_tensor("model.layers.1.block_sparse_moe.gate.weight", {32, 5});
  expect_refused("tensor 'model.layers.1.block_sparse_moe.gate.weight' is 32×5, but config.json asks for 5×32");
}

TEST_F(SpoiltModel, RopeFactorsOfTheWrongLength) {
  const std::vector<double> right(4, 1.0), wrong(5, 1.0);
  const auto refused = [&](const std::vector<double>& shorter, const std::vector<double>& longer,
                           const std::string& named) {
    take_random(random_model_config("phi3"));
    change_config("rope_scaling", {{"type", "longrope"}, {"short_factor", shorter}, {"long_factor", longer}});
    expect_refused(named);
  };
  refused(wrong, right, "'short_factor' holds 5 numbers; it must hold 4");
  refused(right, wrong, "'long_factor' holds 5 numbers; it must hold 4");
}

TEST_F(SpoiltModel, FusedTensorsThatDoNotSplitEvenly) {
  take_random(random_model_config("phi3"));
  reshape_tensor("model.layers.0.mlp.gate_up_proj.weight", {3, 1024});
  expect_refused("tensor 'model.layers.0.mlp.gate_up_proj.weight' is 3×1024, but config.json asks for 96×32");
  take_random(random_model_config("phi3"));
  reshape_tensor("model.layers.1.self_attn.qkv_proj.weight", {1, 2048});
  expect_refused("tensor 'model.layers.1.self_attn.qkv_proj.weight' is 1×2048, but config.json asks for 64×32");
  take_random(random_model_config("mixtral"), true);
  reshape_tensor("model.layers.0.mlp.experts.gate_up_proj", {5, 3, 1024});
  expect_refused("tensor 'model.layers.0.mlp.experts.gate_up_proj' is 5×3×1024, but config.json asks for 5×96×32");
}

TEST_F(SpoiltModel, FusedTensorsThatAreNotThere) {
  change_config("model_type", "phi3");
  change_config("sliding_window", nullptr);
  expect_refused("model.layers.0.self_attn.qkv_proj.weight");
}

TEST_F(SpoiltModel, UnknownRopeScaling) {
  change_config("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}});
  expect_refused("rope type 'yarn'");
}

TEST_F(SpoiltModel, SizesOutOfRange) {
  change_config("hidden_size", std::int64_t{1} << 40);
  expect_refused("'hidden_size' is 1099511627776");
}

TEST_F(SpoiltModel, HeadsThatDoNotDivide) {
  change_config("num_key_value_heads", 4);
  expect_refused("not a multiple");
}

TEST_F(SpoiltModel, ConfigThatIsNoJson) {
  write_file(model() / "config.json", "{\"model_type\": \"llama\",");
  expect_refused("config.json: not valid JSON");
}

TEST_F(SpoiltModel, AlreadyQuantized) {
  change_config("quantization_config", {{"quant_method", "gptq"}});
  expect_refused("quantized");
}

TEST_F(SpoiltModel, TokensOutsideTheVocabulary) {
  change_config("vocab_size", 2048);  // still good
  std::string bytes = file_bytes(fs::path(demo_directory()) / "calibration.npy");
  bytes[bytes.size() - 1] = static_cast<char>(0xFF);
  write_file(directory_ / "bad.npy", bytes);
  expect_refused("is not in the model's vocabulary of 2048",
                 "--sequences 128 --calibration " + (directory_ / "bad.npy").string());
}

TEST_F(SpoiltModel, FewerSequencesThanAsked) {
  expect_refused("enough for 128 sequences of 256, but 129 are asked for", "--sequences 129");
  expect_refused("sequence-length", "--sequence-length 257");
}

TEST_F(SpoiltModel, CalibrationFilesOfNoKnownKind) {
  expect_refused("missing.npy", "--calibration /nowhere/missing.npy");
  write_file(directory_ / "text.doc", "\xD0\xCF\x11\xE0");
  expect_refused("text.doc: is not UTF-8", "--calibration " + (directory_ / "text.doc").string());
  expect_refused("is too short for a .npy file", "--data-kind npy --calibration " + (directory_ / "text.doc").string());
}

// Tokens taken as text have a perplexity, too.
TEST_F(SpoiltModel, EvaluationOfDataThatAreNotWhatTheyAreCalled) {
  write_file(directory_ / "text", "a text");
  for (const auto& [data, said] : {std::pair("--text " + demo_directory() + "/evaluation.npy", "give it as --tokens"),
                                   std::pair("--tokens " + (directory_ / "text").string(), "give it as --text")}) {
    const Outcome outcome =
        run_program("lrc_evaluate", "--model " + demo_directory() + " --sequence-length 64 " + data);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_NE(outcome.output.find(said), std::string::npos) << outcome.output;
  }
}

TEST_F(SpoiltModel, OptionsOutOfRangeOrUnknown) {
  expect_refused("--iterations: 0 is out of range", "--iterations 0");
  expect_refused("--method: 'magic' is not allowed; it may be", "--method magic");
  expect_refused("--method: 'lrp' is not allowed; it may be lrc, gptq, svd, rtn, lrq, flexround", "--method lrp");
  expect_refused("--propagate: 'quantised' is not allowed; it may be", "--propagate quantised");
  expect_refused("--factor-bits: '12' is not allowed; it may be 16, 8", "--factor-bits 12");
  expect_refused("--activation-clip: 2 is out of range; it may be 0.05 to 1, or fitted", "--activation-clip 2");
  expect_refused("--residual-activations", "--residual-activations on --stack-groups off");
  expect_refused("--no-such-option", "--no-such-option 1");
}

TEST_F(SpoiltModel, OptionsThatDoNotGoTogether) {
  expect_refused("solve memory: 1.02e+03 bytes per rank are too few", "--solve-memory 1K");
  write_file(directory_ / "run.ini", "rotation = full\n");
  expect_refused("--rotation: full does not go with --export-for stock; it must be offline or none",
                 "--export-for stock --config " + (directory_ / "run.ini").string());
}

// What can't be said, because the disk of the log is full, does not change how the run ends.
TEST_F(SpoiltModel, IsRefusedInTheSameWayWhereStderrTakesNothing) {
  const std::string arguments = small_run(directory_ / "out", "--threads 1 --method magic");
  EXPECT_EQ(run_command("bash -c '" LRC_BIN_DIR "/lrc_calibrate " + arguments + " 2> /dev/full'").exit_code, 2);
}

TEST_F(SpoiltModel, AForeignOutputDirectory) {
  fs::create_directory(directory_ / "foreign");
  write_file(directory_ / "foreign/thesis.tex", "years of work");
  const Outcome outcome = run_program("lrc_calibrate", small_run(directory_ / "foreign"), 2);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.output.find("is not the result of this run"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace lrc
