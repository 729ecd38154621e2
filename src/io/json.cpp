#include "lrc/io/json.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"

namespace lrc {

using nlohmann::json;

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;

// Looks at what a text is made of, without keeping it. (The parser's own callbacks would take quadratic time.)
class Inspection : public nlohmann::json_sax<json> {
 public:
  Inspection(const std::string& subject, bool may_repeat) : subject_(subject), may_repeat_(may_repeat) {}

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second && !may_repeat_)
      refuse(fmt::format("the JSON has the key {} twice", json(key).dump()));
    return count();
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    refuse(fmt::format("not valid JSON: {:.400}", error.what()));
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const { throw InputError(subject_, problem); }

  bool count() {
    constexpr std::size_t kMaxParts = 8'000'000;  // keys and values, of some 100 bytes each
    if (++parts_ > kMaxParts) refuse(fmt::format("the JSON has more than {} keys and values", kMaxParts));
    return true;
  }

  bool open() {
    constexpr std::size_t kMaxDepth = 64;
    if (keys_.size() == kMaxDepth) refuse(fmt::format("the JSON is nested deeper than {}", kMaxDepth));
    keys_.emplace_back();
    return count();
  }

  bool close() {
    keys_.pop_back();
    return true;
  }

  const std::string& subject_;
  bool may_repeat_;                          // keys
  std::vector<std::set<std::string>> keys_;  // of the objects that are open; none for an array
  std::size_t parts_ = 0;
};

json parse(const std::string& subject, std::string_view text, bool keys_may_repeat) {
  Inspection inspection(subject, keys_may_repeat);
  json::sax_parse(text, &inspection);
  json value = json::parse(text);
  if (!value.is_object()) throw InputError(subject, "the JSON is not an object");
  return value;
}

// Puts what Python writes for numbers that JSON doesn't have into quotes.
std::string with_quoted_numbers(std::string_view text) {
  constexpr std::array<std::string_view, 3> kNumbers{"NaN", "Infinity", "-Infinity"};
  std::string result;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto number = std::ranges::find_if(kNumbers, [&](std::string_view one) { return rest.starts_with(one); });
    if (!in_string && number != kNumbers.end()) {
      result += fmt::format("\"{}\"", *number);
      at += number->size();
      continue;
    }
    if (rest.front() == '"') in_string = !in_string;
    const std::string_view part = rest.substr(0, in_string && rest.front() == '\\' ? 2 : 1);
    result += part;
    at += part.size();
  }
  return result;
}

}  // namespace

json parse_json_object(const std::string& subject, std::string_view text) { return parse(subject, text, false); }

json read_json_object(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return parse_json_object(file.string(), read_text(file, max_bytes));
}

json read_json_of_python(const std::filesystem::path& file) {
  return parse(file.string(), with_quoted_numbers(read_text(file, kLargestFile)), true);
}

}  // namespace lrc
