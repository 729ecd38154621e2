// model.safetensors.index.json: names that lead elsewhere, and maps that don't fit the files.
#include <sys/stat.h>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const char* const kIndex = "model.safetensors.index.json";

// The good model under another name, and an index.
Situation index(
    const std::string& name, const std::string& text, const std::vector<std::string>& named = {kIndex},
    const std::function<void(const fs::path& model)>& more = [](const fs::path&) {}) {
  return {"index " + name, named, [=](const fs::path& directory) {
            const fs::path model = directory / "model";
            fs::rename(model / "model.safetensors", model / "all.safetensors");
            more(model);
            write_file(model / kIndex, text);
          }};
}

std::string map_to(const std::string& file) { return R"({"weight_map":{"model.norm.weight":")" + file + "\"}}"; }

// The index names a file that is not to be opened.
Situation leads_to(
    const std::string& file, const std::function<void(const fs::path& model)>& more = [](const fs::path&) {}) {
  return index("leads to " + file, map_to(file), {kIndex}, more);
}

std::string a_file_with(const std::string& tensor) {
  return safetensors(R"({")" + tensor + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", std::string(4, '\0'));
}

}  // namespace

Situations index_situations() {
  Situations all;
  const auto outside = [](const fs::path& model) {
    fs::rename(model / "all.safetensors", model.parent_path() / "outside");
  };
  all.push_back(leads_to("../outside", outside));
  for (const char* name :
       {"/etc/passwd", "/dev/zero", "", ".", "..", "./all.safetensors", "x/../all.safetensors", "all.safetensors/",
        "all.safetensors\\u0000", "missing.safetensors", "..\\\\all.safetensors", "http://localhost/all.safetensors"}) {
    all.push_back(leads_to(name));
  }
  const auto link = [&](const char* target) {
    all.push_back(index(std::string("leads to a link to ") + target, map_to("link"), {"link"},
                        [=](const fs::path& model) { fs::create_symlink(target, model / "link"); }));
  };
  for (const char* target : {"/etc/passwd", "/dev/zero", "link", "/nowhere"}) link(target);
  all.push_back(leads_to("directory", [](const fs::path& model) { fs::create_directory(model / "directory"); }));
  all.back().named = {"directory"};
  all.push_back(leads_to("pipe", [](const fs::path& model) { ::mkfifo((model / "pipe").c_str(), 0600); }));
  all.back().named = {"pipe"};
  all.push_back(leads_to(kIndex));
  all.push_back(leads_to("config.json"));
  all.back().named = {"config.json"};
  append(all, {index("without a map", "{}"), index("with no tensors", R"({"weight_map":{}})", {"model"}),
               index("map of null", R"({"weight_map":null})"), index("map of an array", R"({"weight_map":[]})"),
               index("to a number", R"({"weight_map":{"model.norm.weight":1}})"),
               index("to a list", R"({"weight_map":{"model.norm.weight":["all.safetensors"]}})"),
               index("of a tensor that isn't there", R"({"weight_map":{"x":"all.safetensors"}})"),
               index("a tensor twice", R"({"weight_map":{"x":"all.safetensors","x":"all.safetensors"}})"),
               index("cut off", R"({"weight_map":{"model.norm.weight":"all.saf)"), index("an array", "[]"),
               index("deep", repeated("{\"weight_map\":", 100'000))});
  all.push_back(index("of the wrong file", R"({"weight_map":{"x":"b.safetensors","y":"a.safetensors"}})", {kIndex},
                      [](const fs::path& model) {
                        write_file(model / "a.safetensors", a_file_with("x"));
                        write_file(model / "b.safetensors", a_file_with("y"));
                      }));
  all.push_back(index("of files that don't agree on a tensor",
                      R"({"weight_map":{"model.norm.weight":"a.safetensors","lm_head.weight":"all.safetensors"}})",
                      {"safetensors", "'model.norm.weight'"}, [](const fs::path& model) {
                        write_file(model / "a.safetensors", a_file_with("model.norm.weight"));
                      }));
  all.push_back(index("larger than any", "{}", {kIndex}, [](const fs::path&) {}));
  all.back().spoil = [](const fs::path& directory) {
    fs::rename(directory / "model/model.safetensors", directory / "model" / kIndex);
    fs::resize_file(directory / "model" / kIndex, std::uintmax_t{1} << 40);
  };
  return all;
}

}  // namespace lrc
