// config.json as people and programs write it. Perplexities that are given were computed by transformers 5.23 from the
// same files, as those of model_files.cpp.
#include <nlohmann/json.hpp>

#include "odd_input.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kLinearFour = 220.750079, kLinearHalf = 208.964872, kTheta100 = 228.61137;
constexpr double kLlama3Of256 = 236.207245, kLlama3Of8 = 212.336956;

OddInput text(const std::string& name, const std::function<std::string(const json& config)>& write) {
  return {.name = "config.json " + name, .make = [=](const fs::path& directory) {
            const fs::path file = directory / "model/config.json";
            write_file(file, write(json::parse(file_bytes(file))));
          }};
}

// The good one with `text` inserted as its first entries.
OddInput entries(const std::string& name, const std::string& inserted) {
  return text(name, [=](const json& config) { return "{" + inserted + "," + config.dump().substr(1); });
}

// With these keys; `lost` ones are gone.
OddInput keys(const std::string& name, const json& changes, double perplexity = 0,
              const std::vector<std::string>& lost = {}) {
  OddInput input = text(name, [=](json config) {
    for (const std::string& key : lost) config.erase(key);
    config.update(changes);
    return config.dump();
  });
  input.perplexity = perplexity;
  return input;
}

OddInput dtype(const char* name) { return keys(std::string("dtype ") + name, {{"torch_dtype", name}}); }

OddInputs ropes() {
  const auto scaling = [](const char* type, double factor) {
    return json{{"rope_scaling", {{"type", type}, {"factor", factor}}}};
  };
  const json theta = {{"rope_type", "default"}, {"rope_theta", 100}};
  json llama3 = {{"rope_type", "llama3"}, {"factor", 4}, {"low_freq_factor", 1}, {"high_freq_factor", 4}};
  const json without = {{"rope_scaling", llama3}};
  llama3["original_max_position_embeddings"] = 64;
  json linear_and_theta = scaling("linear", 4);
  linear_and_theta["rope_parameters"] = theta;
  return {keys("linear rope of factor 1", scaling("linear", 1)),
          keys("linear rope of factor 4", scaling("linear", 4), kLinearFour),
          keys("linear rope of factor 1/2", scaling("linear", 0.5), kLinearHalf),
          keys("dynamic rope", scaling("dynamic", 4)),
          keys("default rope", {{"rope_scaling", {{"rope_type", "default"}}}}),
          keys("empty rope_scaling beside rope_parameters",
               {{"rope_scaling", json::object()}, {"rope_parameters", theta}}, kTheta100),
          keys("rope_scaling beside rope_parameters", linear_and_theta, kLinearFour),
          keys("llama3 without original positions", without, kLlama3Of256),
          keys("llama3 with original positions twice",
               {{"rope_scaling", llama3}, {"original_max_position_embeddings", 8}}, kLlama3Of8)};
}

OddInputs dtypes() {
  return {keys("without a dtype", json::object(), 0, {"torch_dtype"}),
          keys("dtype null", {{"torch_dtype", nullptr}, {"dtype", nullptr}}),
          keys("two dtypes", {{"torch_dtype", "float16"}, {"dtype", "bfloat16"}}),
          dtype("auto"),
          dtype("torch.bfloat16"),
          dtype("half"),
          dtype("float64")};
}

}  // namespace

OddInputs odd_configs() {
  OddInputs all = {
      keys("swish", {{"hidden_act", "swish"}}),
      keys("of nulls", {{"rope_scaling", nullptr},
                        {"head_dim", nullptr},
                        {"num_key_value_heads", nullptr},
                        {"quantization_config", nullptr},
                        {"sliding_window", nullptr},
                        {"tie_word_embeddings", nullptr},
                        {"attention_bias", nullptr}}),
      entries("a key twice", R"("hidden_size":64,"torch_dtype":"int8")"),
      entries("a key twice, deep", R"("x":{"y":[{"z":1,"z":1}]})"),
      entries("numbers of Python", R"("a":Infinity,"b":[-Infinity,NaN,{"c":NaN}],"d":"NaN, \"Infinity\" and \\")"),
      text("a byte order mark", [](const json& config) { return "\xEF\xBB\xBF" + config.dump(); }),
      text("CRLF and blanks", [](const json& config) {
        std::string lines;
        for (const char c : config.dump(2)) lines += c == '\n' ? std::string("\r\n\t") : std::string(1, c);
        return " \r\n" + lines + "\r\n\r\n";
      })};
  for (const auto& some : {dtypes, ropes}) {
    for (OddInput& one : some()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace lrc
