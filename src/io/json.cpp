#include "lrc/io/json.hpp"

#include <set>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"

namespace lrc {

using nlohmann::json;

namespace {

// Looks at what a text is made of, without keeping it. (The parser's own callbacks would take quadratic time.)
class Inspection : public nlohmann::json_sax<json> {
 public:
  explicit Inspection(const std::string& subject) : subject_(subject) {}

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
    if (!keys_.back().insert(key).second) refuse(fmt::format("the JSON has the key {} twice", json(key).dump()));
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
  std::vector<std::set<std::string>> keys_;  // of the objects that are open; none for an array
  std::size_t parts_ = 0;
};

}  // namespace

json parse_json_object(const std::string& subject, std::string_view text) {
  Inspection inspection(subject);
  json::sax_parse(text, &inspection);
  json value = json::parse(text);
  if (!value.is_object()) throw InputError(subject, "the JSON is not an object");
  return value;
}

json read_json_object(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return parse_json_object(file.string(), read_text(file, max_bytes));
}

}  // namespace lrc
