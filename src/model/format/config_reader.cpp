#include "lrc/model/format/config_reader.hpp"

#include "lrc/io/json.hpp"

namespace lrc {
namespace {

using nlohmann::json;

constexpr Index kMaxSize = Index{1} << 24;
constexpr double kSmallest = 1e-30, kLargest = 1e30;  // a float, too, and so is its inverse

bool is_in_range(const json& value) {
  return value.is_number() && value.get<double>() >= kSmallest && value.get<double>() <= kLargest;
}

}  // namespace

ConfigReader::ConfigReader(std::filesystem::path file) : file_(std::move(file)), values_(read_json_of_python(file_)) {}

void ConfigReader::refuse(const std::string& problem) const { throw InputError(file_.string(), problem); }

const json* ConfigReader::find(const char* key) const {
  const auto at = values_.find(key);
  return at == values_.end() || at->is_null() ? nullptr : &*at;
}

Index ConfigReader::size(const char* key, std::optional<Index> otherwise) const {
  const json* value = find(key);
  if (!value && otherwise) return *otherwise;
  if (!value) refuse(fmt::format("'{}' is missing", key));
  if (!value->is_number_integer() || *value < 1 || *value > kMaxSize) {
    refuse(fmt::format("'{}' is {}; it must be an integer from 1 to {}", key, value->dump(), kMaxSize));
  }
  return value->get<Index>();
}

double ConfigReader::number(const json& in, const char* key, std::optional<double> otherwise) const {
  const auto at = in.find(key);
  if (at == in.end() || at->is_null()) {
    if (otherwise) return *otherwise;
    refuse(fmt::format("'{}' is missing", key));
  }
  if (!is_in_range(*at)) {
    refuse(fmt::format("'{}' is {}; it must be a number from {} to {}", key, at->dump(), kSmallest, kLargest));
  }
  return at->get<double>();
}

std::vector<double> ConfigReader::numbers(const json& in, const char* key, Index count) const {
  const auto at = in.find(key);
  if (at == in.end() || !at->is_array()) refuse(fmt::format("'{}' is missing or not an array", key));
  if (static_cast<Index>(at->size()) != count) {
    refuse(fmt::format("'{}' holds {} numbers; it must hold {}, one for each pair of channels of a head", key,
                       at->size(), count));
  }
  std::vector<double> values;
  for (const json& value : *at) {
    if (!is_in_range(value)) {
      refuse(fmt::format("'{}' holds {}; its numbers must be from {} to {}", key, value.dump(), kSmallest, kLargest));
    }
    values.push_back(value.get<double>());
  }
  return values;
}

bool ConfigReader::flag(const char* key, bool otherwise) const {
  const json* value = find(key);
  if (value && !value->is_boolean()) refuse(fmt::format("'{}' is {}; it must be true or false", key, value->dump()));
  return value ? value->get<bool>() : otherwise;
}

std::string ConfigReader::text(const json& in, const char* key, const std::string& otherwise) const {
  const auto at = in.find(key);
  if (at == in.end() || at->is_null()) return otherwise;
  if (!at->is_string()) refuse(fmt::format("'{}' is {}; it must be a string", key, at->dump()));
  return at->get<std::string>();
}

}  // namespace lrc
