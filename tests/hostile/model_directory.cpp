// What people take for a model's directory, each with what the message must say that it is, or what to do.
#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

Situation pointer(const std::string& file, const std::string& calibration = "tokens.npy") {
  return {file + " of git-lfs",
          {fs::path(file).filename(), "git lfs pull"},
          [=](const fs::path& directory) { write_file(directory / file, kPointer); },
          calibration};
}

/// `spoil` gets DIRECTORY/model.
Situation model(const std::string& name, const std::vector<std::string>& named,
                const std::function<void(const fs::path&)>& spoil) {
  return {"model directory " + name, named, [=](const fs::path& directory) { spoil(directory / "model"); }};
}

// The good weights under another name.
Situation weights_as(const std::string& file, const std::string& named) {
  return model("with " + file, {"neither model.safetensors", file, named},
               [=](const fs::path& directory) { fs::rename(directory / "model.safetensors", directory / file); });
}

// The good model as SUBFOLDER of what is given as one.
void move_down(const fs::path& directory, const std::string& subfolder) {
  const fs::path aside = directory.string() + ".aside", below = directory / subfolder;
  fs::rename(directory, aside);
  fs::create_directories(below.parent_path());
  fs::rename(aside, below);
}

Situation wrapper(const std::string& part) {
  return model("of a wrapper with " + part, {"config.json", "llava", part, "llama"}, [=](const fs::path& directory) {
    write_file(directory / "config.json", R"({"model_type":"llava",")" + part + R"(":{"model_type":"llama"}})");
  });
}

void write_adapter_config(const fs::path& directory) {
  write_file(directory / "adapter_config.json", R"({"base_model_name_or_path":"meta-llama/Llama-2-7b-hf"})");
}

}  // namespace

Situations model_directory_situations() {
  return {pointer("model/model.safetensors"),
          pointer("model/config.json"),
          pointer("model/tokenizer.json"),
          pointer("model/tokenizer.json", "text.txt"),
          pointer("tokens.npy"),
          weights_as("pytorch_model.bin", "save_pretrained"),
          weights_as("model.Q4_K_M.gguf", "Hugging Face layout"),
          weights_as("model-00001-of-00002.safetensors", "downloaded as a whole"),
          wrapper("text_config"),
          wrapper("vision_config"),
          model("of an adapter", {"PEFT adapter", "meta-llama/Llama-2-7b-hf", "merge"},
                [](const fs::path& directory) {
                  fs::remove_all(directory);
                  fs::create_directories(directory);
                  write_adapter_config(directory);
                }),
          model("with an adapter, too", {"PEFT adapter", "merge"}, write_adapter_config),
          model("above the model", {"take ", "model/Llama"},
                [](const fs::path& directory) { move_down(directory, "Llama"); }),
          model("of the hub's cache", {"cache", "model/snapshots/0123abc"},
                [](const fs::path& directory) { move_down(directory, "snapshots/0123abc"); }),
          model("of its maker's layout", {"params.json"},
                [](const fs::path& directory) { fs::rename(directory / "config.json", directory / "params.json"); }),
          model("that is empty", {"config.json", "Hugging Face layout"},
                [](const fs::path& directory) {
                  fs::remove_all(directory);
                  fs::create_directories(directory);
                }),
          model("that is a file", {"is a file", "directory"},
                [](const fs::path& directory) {
                  fs::remove_all(directory);
                  write_file(directory, "");
                }),
          model("that is not there", {"not there"}, [](const fs::path& directory) { fs::remove_all(directory); })};
}

}  // namespace lrc
