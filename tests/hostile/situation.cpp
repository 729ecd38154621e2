#include "situation.hpp"

#include <sys/stat.h>

#include <cassert>
#include <cstdint>

#include "temporary_directory.hpp"
#include "tiny_model.hpp"

namespace lrc {

namespace fs = std::filesystem;

void write_good_inputs(const fs::path& directory) {
  write_tiny_model(directory / "model", 1);
  write_tiny_tokens(directory / "tokens.npy", 256);
  write_file(directory / "model/tokenizer.json", good_tokenizer());
  write_file(directory / "text.txt", repeated("the theory of that hat is here. ", 32));
}

std::string good_tokenizer() {
  return R"({"added_tokens":[{"id":60,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,)"
         R"("normalized":false}],"normalizer":null,)"
         R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},)"
         R"("model":{"type":"BPE","vocab":{"t":0,"h":1,"e":2,"o":3,"r":4,"y":5,"f":6,"a":7,"i":8,"s":9,".":10,"Ġ":11,)"
         R"("th":12,"Ġth":13},"merges":["t h","Ġ th"],"unk_token":null}})";
}

Situations odd_files(const std::string& file, const std::string& calibration) {
  const std::string name = fs::path(file).filename();
  const auto situation = [&](const std::string& what, const std::function<void(const fs::path&)>& make) {
    const auto spoil = [=](const fs::path& directory) {
      fs::remove(directory / file);
      make(directory / file);
    };
    return Situation{file + " " + what, {name}, spoil, calibration};
  };
  const auto link_to = [](const char* target) {
    return [=](const fs::path& path) { fs::create_symlink(target, path); };
  };
  return {situation("missing", [](const fs::path&) {}),
          situation("empty", [](const fs::path& path) { write_file(path, ""); }),
          situation("a directory", [](const fs::path& path) { fs::create_directory(path); }),
          situation("a pipe", [](const fs::path& path) { ::mkfifo(path.c_str(), 0600); }),
          situation("a link to nowhere", link_to("/nowhere/at/all")),
          situation("a link to itself", [](const fs::path& path) { fs::create_symlink(path.filename(), path); }),
          situation("a link to a device", link_to("/dev/zero")),
          situation("a link to a file of unknown size", link_to("/proc/self/maps"))};
}

std::string safetensors(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  assert(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

void append(Situations& all, Situations more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace lrc
