// Model files as they lie about: links into a cache, names with another prefix, tensors that nobody needs, tied or not,
// numbers beyond what config.json's dtype holds. Perplexities that are given were computed by transformers 5.23 from
// the same files: AutoModelForCausalLM.from_pretrained(DIRECTORY/model).float(), exp of the mean cross entropy of the
// first eight windows of 16 tokens.
#include <fmt/core.h>

#include <cmath>

#include "odd_files.hpp"
#include "odd_input.hpp"
#include "stored_tensors.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char *kEmbedding = "model.embed_tokens.weight", *kHead = "lm_head.weight", *kNorm = "model.norm.weight";
constexpr double kHeadIsEmbedding = 208.860547, kEmbeddingIsHead = 247.712017;

// The good model with these keys of config.json, and with its tensors changed.
OddInput tensors(const std::string& name, const std::function<void(StoredTensors&)>& change, double perplexity = 0,
                 const json& config = json::object()) {
  return {.name = name,
          .make =
              [=](const fs::path& directory) {
                StoredTensors tensors = read_tensors(directory / "model");
                change(tensors);
                write_tensors(directory / "model/model.safetensors", tensors);
                change_config(directory, config);
              },
          .perplexity = perplexity};
}

OddInput renamed(const std::string& name, const std::function<std::string(const std::string&)>& new_name) {
  return tensors(name, [=](StoredTensors& tensors) {
    StoredTensors others;
    for (auto& [old, tensor] : tensors) others[new_name(old)] = std::move(tensor);
    tensors = std::move(others);
  });
}

std::string without_prefix(const std::string& name) { return name.starts_with("model.") ? name.substr(6) : name; }

// Each tensor in one of three files, `more` in the last one, too, and an index that names the files of `is_named`.
void write_sharded(const fs::path& model, const StoredTensors& more = {}, const std::string& is_named = "") {
  std::vector<StoredTensors> files(3);
  json map = json::object();
  std::size_t next = 0;
  for (const auto& [name, tensor] : read_tensors(model)) {
    const std::size_t file = next++ % files.size();
    files[file][name] = tensor;
    if (name.find(is_named) != std::string::npos) map[name] = fmt::format("model-{}.safetensors", file);
  }
  files.back().insert(more.begin(), more.end());
  fs::remove(model / "model.safetensors");
  for (std::size_t file = 0; file < files.size(); ++file)
    write_tensors(model / fmt::format("model-{}.safetensors", file), files[file]);
  write_file(model / "model.safetensors.index.json", json{{"metadata", json::object()}, {"weight_map", map}}.dump());
}

// As huggingface_hub keeps what it downloads: every file is a link to ../blobs.
void move_to_cache(const fs::path& directory) {
  fs::create_directories(directory / "blobs");
  std::vector<fs::path> files(fs::directory_iterator(directory / "model"), fs::directory_iterator{});
  for (const fs::path& file : files) {
    const fs::path blob = fs::path("blobs") / std::to_string(std::hash<std::string>{}(file.filename()));
    fs::rename(file, directory / blob);
    fs::create_symlink(".." / blob, file);
  }
}

OddInputs layouts_of_files() {
  return {{.name = "shards in a Hugging Face cache",
           .make =
               [](const fs::path& directory) {
                 write_sharded(directory / "model");
                 move_to_cache(directory);
               }},
          {.name = "one file in a Hugging Face cache", .make = move_to_cache},
          {.name = "a directory that is a link",
           .make =
               [](const fs::path& directory) {
                 fs::rename(directory / "model", directory / "elsewhere");
                 fs::create_directory_symlink("elsewhere", directory / "model");
               }},
          {.name = "a tensor in two files, the same in both",
           .make =
               [](const fs::path& directory) {
                 const StoredTensors all = read_tensors(directory / "model");
                 write_sharded(directory / "model", {{kEmbedding, all.at(kEmbedding)}, {kNorm, all.at(kNorm)}});
               }},
          {.name = "an index that names few of the tensors",
           .make = [](const fs::path& directory) { write_sharded(directory / "model", {}, "layers.1"); }},
          {.name = "an index beside a single file", .make = [](const fs::path& directory) {
             write_file(directory / "model/model.safetensors.index.json", R"({"weight_map":{"x":"gone"}})");
           }}};
}

OddInputs tied_embeddings() {
  const json tied = {{"tie_word_embeddings", true}};
  const auto lose = [](const char* name) { return [=](StoredTensors& tensors) { tensors.erase(name); }; };
  return {tensors(
              "tied, with a head of its own", [](StoredTensors&) {}, 0, tied),
          tensors(
              "tied, stored twice", [](StoredTensors& tensors) { tensors[kHead] = tensors[kEmbedding]; },
              kHeadIsEmbedding, tied),
          tensors("tied, without a head", lose(kHead), kHeadIsEmbedding, tied),
          tensors("tied, with a head only", lose(kEmbedding), kEmbeddingIsHead, tied),
          tensors(
              "not tied, stored twice", [](StoredTensors& tensors) { tensors[kHead] = tensors[kEmbedding]; },
              kHeadIsEmbedding)};
}

OddInputs prefixes() {
  OddInputs all = {
      renamed("names without prefix", without_prefix),
      renamed("one name without prefix", [](const auto& name) { return name == kNorm ? "norm.weight" : name; }),
      renamed("names with two prefixes", [](const auto& name) { return "model." + name; })};
  all.push_back(tensors("a base model saved alone",
                        [](StoredTensors& tensors) {
                          StoredTensors base;
                          for (auto& [name, tensor] : tensors) {
                            if (name != kHead) base[without_prefix(name)] = tensor;
                          }
                          tensors = base;
                        },
                        kHeadIsEmbedding, {{"tie_word_embeddings", true}}));
  return all;
}

OddInputs needless() {
  const auto with_bias = [](StoredTensors& tensors) {
    tensors["model.layers.1.self_attn.q_proj.bias"] = {Dtype::f32, {32}, bytes_from(std::vector<float>(32, 3))};
  };
  OddInput bias = tensors("a bias that config.json denies", with_bias);
  bias.said = {"1 of the tensors", "model.layers.1.self_attn.q_proj.bias"};
  OddInput all = tensors("tensors of every dtype that nobody needs",
                         [](StoredTensors& tensors) { tensors.merge(needless_tensors()); });
  all.said = {"26 of the tensors", "model.layers.0.self_attn.masked_bias", ", ..."};
  OddInput block = tensors("a block more than config.json says", [](StoredTensors& tensors) {
    StoredTensors more;
    for (const auto& [name, tensor] : tensors) {
      if (name.starts_with("model.layers.1.")) more["model.layers.2." + name.substr(15)] = tensor;
    }
    tensors.merge(more);
  });
  block.said = {"9 of the tensors", "model.layers.2."};
  OddInput sharded = {.name = "a shard with nothing that is needed", .make = [](const fs::path& directory) {
                        write_sharded(directory / "model", needless_tensors());
                      }};
  OddInput old = tensors("frequencies of old checkpoints", [](StoredTensors& tensors) {
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {Dtype::f64, {8}, std::string(64, '\xFF')};
  });
  return {bias, all, block, sharded, old};
}

StoredTensor in_double(const StoredTensor& tensor) {
  const std::vector<float> values = floats_of(tensor);
  return {Dtype::f64, tensor.shape, bytes_from(std::vector<double>(values.begin(), values.end()))};
}

OddInputs dtypes() {
  return {tensors("all in F64",
                  [](StoredTensors& tensors) {
                    for (auto& [name, tensor] : tensors) tensor = in_double(tensor);
                  }),
          tensors("a norm in F64", [](StoredTensors& tensors) { tensors[kNorm] = in_double(tensors[kNorm]); })};
}

void scale(StoredTensor& tensor, float factor) {
  std::vector<float> values = floats_of(tensor);
  for (float& value : values) value *= factor;
  tensor.bytes = bytes_from(values);
}

// The residual stream times `factor`, a power of two: RMSNorm takes it off again, where eps grows with it.
OddInput scaled_stream(const std::string& name, float factor) {
  OddInput input =
      tensors(name,
              [=](StoredTensors& tensors) {
                for (auto& [tensor, values] : tensors) {
                  for (const char* writer : {"embed_tokens.weight", "o_proj.weight", "down_proj.weight"}) {
                    if (tensor.ends_with(writer)) scale(values, factor);
                  }
                }
              },
              0, {{"torch_dtype", "float16"}, {"rms_norm_eps", 1e-5 * std::pow(static_cast<double>(factor), 2)}});
  input.said = {"can't hold what is to be written of 'model.embed_tokens.weight'"};
  input.options = {"--center-activations", "off"};  // W μ is stored as F16
  return input;
}

// The final norm times 2^18, the head by it.
OddInput large_norm() {
  OddInput input = tensors("float16, and a norm beyond it, not rotated",
                           [](StoredTensors& tensors) {
                             scale(tensors[kNorm], 0x1p18F);
                             scale(tensors[kHead], 0x1p-18F);
                           },
                           0, {{"dtype", "float16"}});
  input.options = {"--rotation", "none"};
  input.said = {"can't hold what is to be written of 'model.norm.weight'"};
  return input;
}

// A gate that is always closed: computed by transformers.
OddInput large_bias() {
  OddInput input = tensors(
      "float16, and a bias beyond it",
      [](StoredTensors& tensors) {
        for (const char* block : {"0", "1"}) {
          for (const auto& [linear, size] :
               {std::pair{"gate_proj", 48}, std::pair{"up_proj", 48}, std::pair{"down_proj", 32}}) {
            std::vector<float> bias(static_cast<std::size_t>(size), 0.0F);
            if (linear == std::string("gate_proj")) bias[0] = -1e5F;
            tensors[fmt::format("model.layers.{}.mlp.{}.bias", block, linear)] = {Dtype::f32, {size}, bytes_from(bias)};
          }
        }
      },
      240.3755, {{"mlp_bias", true}, {"torch_dtype", "float16"}});
  input.said = {"can't hold what is to be written of 'model.layers.0.mlp.gate_proj.bias'"};
  return input;
}

}  // namespace

OddInputs odd_model_files() {
  OddInputs all;
  for (const auto& some : {layouts_of_files, tied_embeddings, prefixes, needless, dtypes}) {
    for (OddInput& one : some()) all.push_back(std::move(one));
  }
  all.push_back(scaled_stream("float16, and an embedding beyond it", 0x1p18F));
  all.push_back(large_norm());
  all.push_back(large_bias());
  return all;
}

}  // namespace lrc
