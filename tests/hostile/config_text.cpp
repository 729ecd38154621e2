// config.json: texts that are no JSON, or more of it than any model has.
#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

Situation text(const std::string& name, const std::function<std::string(const std::string& good)>& change) {
  return {"config.json " + name, {"config.json"}, [=](const fs::path& directory) {
            const fs::path file = directory / "model/config.json";
            write_file(file, change(file_bytes(file)));
          }};
}

Situation text(const std::string& name, const std::string& bytes) {
  return text(name, [=](const std::string&) { return bytes; });
}

std::string with(const std::string& good, const std::string& entry) { return replaced(good, "{", "{" + entry + ","); }

}  // namespace

Situations config_text_situations() {
  Situations all = odd_files("model/config.json");
  const auto entry = [&](const std::string& name, const std::string& inserted) {
    all.push_back(text(name, [=](const std::string& good) { return with(good, inserted); }));
  };
  append(all, {text("of blanks", "   \n "), text("of zeros", std::string(1000, '\0')), text("an array", "[]"),
               text("null", "null"), text("a number", "1e308"), text("in UTF-16", std::string("{\0}\0", 4)),
               text("HTML", "<!DOCTYPE html><html></html>"), text("of brackets", repeated("[", 1'000'000)),
               text("of braces", repeated("{\"a\":", 1'000'000)),
               text("cut off", [](const std::string& good) { return good.substr(0, good.size() / 2); }),
               text("twice", [](const std::string& good) { return good + good; }),
               text("with a comment", [](const std::string& good) { return "// a model\n" + good; })});
  entry("deep in a key nobody reads", "\"x\":" + repeated("[", 65) + repeated("]", 65));
  entry("NaN without its end", R"("x":Na)");
  entry("a negative NaN", R"("x":-NaN)");
  all.push_back(text("an infinite theta", [](const std::string& good) {
    return replaced(good, "\"rope_theta\": 10000.0", "\"rope_theta\": Infinity");
  }));
  all.push_back(text("a key twice, of which the last is bad",
                     [](const std::string& good) { return good.substr(0, good.rfind('}')) + ",\"hidden_size\":0}"; }));
  entry("a number out of range", R"("rms_norm_eps2":1e999)");
  entry("a number of 100000 digits", "\"rms_norm_eps2\":" + std::string(100'000, '9'));
  entry("bytes that are not UTF-8", "\"x\":\"\xC0\x80\"");
  entry("half a surrogate", R"("x":"\ud800")");
  entry("a control character", "\"x\":\"\n\"");
  entry("a single quote", "'x':1");
  all.push_back(text("30 MB of small values", "{\"x\":[" + repeated("[],", 10'000'000) + "[]]}"));
  all.push_back({"config.json larger than any", {"config.json"}, [](const fs::path& directory) {
                   fs::resize_file(directory / "model/config.json", std::uintmax_t{1} << 40);  // sparse
                 }});
  return all;
}

}  // namespace lrc
