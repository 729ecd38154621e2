// However a model of any family is stored, it is the same model.
#include <gtest/gtest.h>

#include <cmath>

#include "lrc/model/format/stored_model.hpp"
#include "random_model.hpp"
#include "stored_tensors.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Kind {
  std::string family;
  json config = json::object();
  bool fused_experts = false;
};

const std::vector<Kind> kKinds = {{"llama"},
                                  {"llama", {{"attention_bias", true}, {"mlp_bias", true}}},
                                  {"mistral"},
                                  {"mixtral"},
                                  {"mixtral", json::object(), true},
                                  {"phi3"},
                                  {"qwen2"},
                                  {"qwen3"}};

// All that the forward pass reads.
std::vector<float> numbers_of(const Model& model) {
  std::vector<float> all;
  const auto add = [&](const auto& values) { all.insert(all.end(), values.data(), values.data() + values.size()); };
  const Index vocabulary = model.config().vocabulary_size;
  for (Index index = 0; index < model.config().blocks; ++index) {
    const BlockLayout layout = block_layout(model.config(), index);
    for (const GroupLayout& group : layout.groups()) {
      for (const Linear& linear : model.group(index, group).linears) {
        add(linear.weight);
        add(linear.bias);
      }
    }
    add(model.norm(index, GroupRole::qkv));
    add(model.norm(index, GroupRole::gate_up));
    add(model.head_norm(layout.q_norm));
    add(model.head_norm(layout.k_norm));
    add(model.router(index));
  }
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(vocabulary));
  std::iota(tokens.begin(), tokens.end(), 0);
  MatrixF embedding(vocabulary, model.config().hidden_size);
  model.embed(tokens, embedding);
  add(embedding);
  add(model.final_norm());
  add(model.head_rows(0, vocabulary));
  return all;
}

using Change = std::function<void(StoredTensors& tensors, json& config)>;
using Write = std::function<void(const fs::path& model, const StoredTensors& tensors)>;

void write_one_file(const fs::path& model, const StoredTensors& tensors) {
  write_tensors(model / "model.safetensors", tensors);
}

// Three shards, which are links, as in a Hugging Face cache; the norms of all are in the last, too.
void write_cache(const fs::path& model, const StoredTensors& tensors) {
  const fs::path blobs = model.parent_path() / "blobs";
  fs::create_directory(blobs);
  std::vector<StoredTensors> files(3);
  json map = json::object();
  std::size_t next = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t file = next++ % files.size();
    files[file][name] = tensor;
    if (name.find("norm") != std::string::npos) files.back()[name] = tensor;
    map[name] = fmt::format("model-{}.safetensors", file);
  }
  for (std::size_t file = 0; file < files.size(); ++file) {
    write_tensors(blobs / std::to_string(file), files[file]);
    fs::create_symlink(blobs / std::to_string(file), model / fmt::format("model-{}.safetensors", file));
  }
  write_file(model / "model.safetensors.index.json", json{{"weight_map", map}}.dump());
}

void expect_the_same(const char* what, const Change& change, const Write& write = write_one_file) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(fmt::format("{}, {} {} {}", what, kind.family, kind.config.dump(), kind.fused_experts));
    const TemporaryDirectory directory;
    write_random_model(directory / "good", random_model_config(kind.family, kind.config), kind.fused_experts);
    StoredTensors tensors = read_tensors(directory / "good");
    json config = json::parse(file_bytes(directory / "good/config.json"));
    change(tensors, config);
    fs::create_directory(directory / "odd");
    write(directory / "odd", tensors);
    write_file(directory / "odd/config.json", config.dump());
    const StoredModel good(directory / "good"), odd(directory / "odd");
    EXPECT_EQ(numbers_of(odd), numbers_of(good));
    EXPECT_EQ(odd.config().dtype, good.config().dtype);
    EXPECT_EQ(odd.needed().size(), good.needed().size());
  }
}

TEST(OddFiles, TensorsThatNobodyNeedsChangeNothing) {
  expect_the_same("needless tensors", [](StoredTensors& tensors, json&) { tensors.merge(needless_tensors()); });
}

TEST(OddFiles, ShardsMayBeLinksAndHoldCopies) {
  expect_the_same(
      "cache", [](StoredTensors&, json&) {}, write_cache);
}

TEST(OddFiles, ThePrefixOfNamesIsNoMatter) {
  const auto rename = [](const std::function<std::string(const std::string&)>& new_name) {
    return [=](StoredTensors& tensors, json&) {
      StoredTensors others;
      for (auto& [name, tensor] : tensors) others[new_name(name)] = std::move(tensor);
      tensors = std::move(others);
    };
  };
  expect_the_same("none",
                  rename([](const std::string& name) { return name.starts_with("model.") ? name.substr(6) : name; }));
  expect_the_same("two", rename([](const std::string& name) { return "model." + name; }));
}

TEST(OddFiles, TheDtypeIsThatOfTheTensorsWhereConfigJsonHasNone) {
  for (const json& dtype : {json(), json("auto")})
    expect_the_same("dtype", [&](StoredTensors&, json& config) { config["torch_dtype"] = dtype; });
}

TEST(OddFiles, DoublesAreFloats) {
  expect_the_same("F64", [](StoredTensors& tensors, json& config) {
    config.erase("torch_dtype");
    for (auto& [name, tensor] : tensors) {
      const std::vector<float> values = floats_of(tensor);
      tensor = {Dtype::f64, tensor.shape, bytes_from(std::vector<double>(values.begin(), values.end()))};
    }
  });
}

TEST(OddFiles, AHeadOfItsOwnIsUsedThoughConfigJsonSaysTied) {
  expect_the_same("tied", [](StoredTensors&, json& config) { config["tie_word_embeddings"] = true; });
}

TEST(OddFiles, WhatIsNotReadIsNamed) {
  const TemporaryDirectory directory;
  write_random_model(directory / "m", random_model_config("qwen2"));
  EXPECT_TRUE(StoredModel(directory / "m").unread().empty());
  StoredTensors tensors = read_tensors(directory / "m");
  tensors["model.layers.0.self_attn.o_proj.bias"] = {Dtype::f32, {32}, std::string(128, '\0')};
  tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {Dtype::f32, {1}, std::string(4, '\0')};
  tensors["a"] = {Dtype::boolean, {1}, std::string(1, '\1')};
  write_tensors(directory / "m/model.safetensors", tensors);
  EXPECT_EQ(StoredModel(directory / "m").unread(),
            (std::vector<std::string>{"a", "model.layers.0.self_attn.o_proj.bias"}));
}

TEST(OddFiles, AMissingHeadIsNamed) {
  const TemporaryDirectory directory;
  write_random_model(directory / "m", random_model_config("llama"));
  StoredTensors tensors = read_tensors(directory / "m");
  tensors.erase("lm_head.weight");
  write_tensors(directory / "m/model.safetensors", tensors);
  try {
    StoredModel model(directory / "m");
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'lm_head.weight' is missing"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("'tie_word_embeddings'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace lrc
