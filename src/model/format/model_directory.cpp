#include "lrc/model/format/model_directory.hpp"

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/io/json.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const fs::path& path, const std::string& problem) { throw InputError(path.string(), problem); }

// What can't be listed is refused where it is read.
std::vector<fs::path> entries_of(const fs::path& directory) {
  std::error_code ignored;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(directory, ignored), end; at != end; at.increment(ignored)) entries.push_back(*at);
  std::sort(entries.begin(), entries.end());
  return entries;
}

// The first of the directory's files whose name ends so; empty where there is none.
std::string file_ending(const fs::path& directory, const std::vector<std::string>& endings) {
  for (const fs::path& file : entries_of(directory)) {
    const std::string name = file.filename();
    if (std::any_of(endings.begin(), endings.end(), [&](const std::string& end) { return name.ends_with(end); }))
      return name;
  }
  return "";
}

bool is_model(const fs::path& directory) { return is_there(directory / "config.json"); }

[[noreturn]] void refuse_missing(const fs::path& path) {
  const std::string name = path.string();
  static const std::regex hub_id("[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9._-]+");
  if (!std::regex_match(name, hub_id)) refuse(path, "is not there; it must be the directory of a model");
  const std::string here = path.filename();
  refuse(path, fmt::format("is not there. If that is the name of a model on the Hugging Face hub, download it (hf "
                           "download {} --local-dir {}), and give its directory, {}",
                           name, here, here));
}

[[noreturn]] void refuse_file(const fs::path& file) {
  if (file.extension() == ".gguf")
    refuse(file, "is a GGUF file, whose weights have another layout; take the original model in Hugging Face layout");
  const fs::path parent = file.has_parent_path() ? file.parent_path() : fs::path(".");
  refuse(file, is_model(parent)
                   ? fmt::format("is a file; take its directory, {}", parent.string())
                   : "is a file; it must be the directory of a model: config.json, *.safetensors, tokenizer");
}

// models--ORGANISATION--NAME of the hub's cache has the files in snapshots/HASH.
void refuse_directory_above(const fs::path& directory) {
  const bool is_cache = fs::is_directory(directory / "snapshots");
  std::string models;
  for (const fs::path& entry : entries_of(is_cache ? directory / "snapshots" : directory)) {
    if (is_model(entry)) models += (models.empty() ? "" : " or ") + entry.string();
  }
  if (models.empty() && is_cache)
    refuse(directory, "is an entry of the hub's cache without a model; download it again");
  if (!models.empty()) {
    refuse(directory, fmt::format("holds no config.json, but a directory with one{}; take {}",
                                  is_cache ? " (it is an entry of the hub's cache)" : "", models));
  }
}

// transformers would load the base that it names, and add it.
void refuse_adapter(const fs::path& directory) {
  if (!is_there(directory / "adapter_config.json")) return;
  const nlohmann::json config = read_json_object(directory / "adapter_config.json");
  const auto base = config.find("base_model_name_or_path");
  const std::string of = base != config.end() && base->is_string() ? " for " + base->get<std::string>() : "";
  refuse(
      directory,
      fmt::format("holds a PEFT adapter{}, which lrc would leave out; merge it into its base first, for instance with "
                  "peft's AutoPeftModelForCausalLM.from_pretrained('{}').merge_and_unload().save_pretrained(...), "
                  "and copy the base's tokenizer",
                  of, directory.string()));
}

// Beside what else there is, for `holds` says what is missing.
[[noreturn]] void refuse_other_layouts(const fs::path& directory, const std::string& holds) {
  const std::string convert = fmt::format(
      "convert it, for instance with transformers' AutoModelForCausalLM.from_pretrained('{}').save_pretrained(...), "
      "and "
      "copy the tokenizer",
      directory.string());
  if (const std::string file = file_ending(directory, {".gguf"}); !file.empty())
    refuse(directory, fmt::format("{}, but {}; take the original model in Hugging Face layout", holds, file));
  if (is_there(directory / "params.json"))
    refuse(directory,
           holds + ", but params.json: it has its maker's own layout; take the model in Hugging Face layout");
  if (const std::string file = file_ending(directory, {".bin", ".pt", ".pth"}); !file.empty())
    refuse(directory, fmt::format("{}, but {}; {}", holds, file, convert));
  if (const std::string file = file_ending(directory, {".safetensors"}); !file.empty())
    refuse(directory, fmt::format("{}, but {}; was it downloaded as a whole?", holds, file));
  refuse(directory, holds + "; it must be a model in Hugging Face layout: config.json, *.safetensors, tokenizer");
}

bool has_weights(const fs::path& directory) {
  for (const char* name : {"model.safetensors", "quantized.safetensors", "base/model.safetensors"}) {
    if (is_there(directory / name) || is_there(directory / (name + std::string(".index.json")))) return true;
  }
  return false;
}

}  // namespace

fs::path model_directory(const fs::path& directory) {
  std::error_code ignored;
  if (!is_there(directory)) refuse_missing(directory);
  if (!fs::is_directory(directory, ignored)) refuse_file(directory);
  refuse_adapter(directory);
  if (!is_model(directory)) refuse_directory_above(directory);
  if (!is_model(directory)) refuse_other_layouts(directory, "holds no config.json");
  if (!has_weights(directory))
    refuse_other_layouts(directory, "holds neither model.safetensors nor model.safetensors.index.json");
  return directory;
}

}  // namespace lrc
