// config.json with the checks of each kind of value: what is out of range is refused with the file and the key.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

class ConfigReader {
 public:
  /// Throws InputError where the file is not a JSON object.
  explicit ConfigReader(std::filesystem::path file);

  /// Throws InputError with the file's name.
  [[noreturn]] void refuse(const std::string& problem) const;

  /// The value of `key`; nullptr where it is missing or null.
  const nlohmann::json* find(const char* key) const;
  /// Whether `key` is there, if only as null.
  bool has(const char* key) const { return values_.contains(key); }

  /// An integer from 1 to 2^24; without `otherwise` it must be there.
  Index size(const char* key, std::optional<Index> otherwise = std::nullopt) const;
  /// A number from 1e-30 to 1e30, of the object `in`.
  double number(const nlohmann::json& in, const char* key, std::optional<double> otherwise = std::nullopt) const;
  /// `count` such numbers.
  std::vector<double> numbers(const nlohmann::json& in, const char* key, Index count) const;
  bool flag(const char* key, bool otherwise = false) const;
  std::string text(const nlohmann::json& in, const char* key, const std::string& otherwise) const;

  const nlohmann::json& values() const { return values_; }

 private:
  std::filesystem::path file_;
  nlohmann::json values_;
};

}  // namespace lrc
