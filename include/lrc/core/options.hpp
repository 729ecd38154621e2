// The one table of a program's options: it feeds the command line, the config file, --help and the echo in the report.
#pragma once

#include <algorithm>
#include <boost/program_options.hpp>
#include <cassert>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// Words and what they stand for.
template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;

/// Precondition: there is one.
template <class Value>
const std::string& word_of(const Value& value, const Words<Value>& words) {
  const auto at = std::find_if(words.begin(), words.end(), [&](const auto& one) { return one.second == value; });
  assert(at != words.end());
  return at->first;
}

class OptionTable {
 public:
  /// `program` and what it does, for --help.
  OptionTable(std::string program, std::string summary);

  /// Starts a group of options in --help.
  OptionTable& group(const std::string& title);

  // Each option writes into its field, whose value now is the default. `meaning` carries the unit.
  OptionTable& path(const std::string& name, std::string& field, const std::string& meaning);
  OptionTable& number(const std::string& name, Index& field, Index lowest, Index highest, const std::string& meaning);
  /// A decimal number or a fraction such as 14/15.
  OptionTable& real(const std::string& name, double& field, double lowest, double highest, const std::string& meaning);
  /// The same, or one of some words, which stand for values out of the range.
  OptionTable& real_or(const std::string& name, double& field, double lowest, double highest,
                       const Words<double>& words, const std::string& meaning);
  /// Bytes, with or without a suffix K, M, G or T (powers of 1024).
  OptionTable& bytes(const std::string& name, double& field, const std::string& meaning);
  /// One of some values, such as an enum's, each by its word. Precondition: `allowed` has the default.
  template <class Value>
  OptionTable& choice(const std::string& name, Value& field, const Words<std::type_identity_t<Value>>& allowed,
                      const std::string& meaning) {
    std::vector<std::string> words;
    for (const auto& [word, value] : allowed) words.push_back(word);
    return one_of(
        name, words, meaning, [=, &field] { return word_of(field, allowed); },
        [=, &field](std::size_t number) { field = allowed[number].second; });
  }
  OptionTable& flag(const std::string& name, bool& field, const std::string& meaning);

  /// An option that has another name now, which the refusal of the old one says.
  OptionTable& renamed(const std::string& before, const std::string& now);

  /// What --help says about the default where it is more than one value. Precondition: the option exists.
  void describe_default(const std::string& name, const std::string& text);

  enum class Outcome { run, shown };

  /// Reads the command line, and the --config file beneath it. `shown`: --help or --version was asked for (and printed,
  /// where `speak`), nothing is to be done. Throws InputError naming the option and what it may be.
  Outcome parse(int argc, const char* const* argv, bool speak = true);

  /// What one option asks of another: sets it to the first of `allowed`, unless it was given. Throws InputError naming
  /// it, `asking` and what it must be where it was given as none of them. Precondition: the option exists.
  void demand(const std::string& name, const std::vector<std::string>& allowed, const std::string& asking);

  /// Sets the option, unless it was given. Precondition: it exists.
  void prefer(const std::string& name, const std::string& value);

  /// Every option with its effective value, in the order of the table.
  nlohmann::ordered_json effective() const;

  /// Whether the option was given (and is not at its default).
  bool given(const std::string& name) const;

 private:
  struct Option {
    std::string name, group, meaning;
    std::string when_not_given{};                    // for --help, if it isn't the value
    std::function<std::string()> shown;              // the value now, for --help and the echo
    std::function<void(const std::string&)> assign;  // checks and sets
    bool is_flag = false;
  };

  OptionTable& add(Option option);
  OptionTable& one_of(const std::string& name, const std::vector<std::string>& words, const std::string& meaning,
                      std::function<std::string()> shown, const std::function<void(std::size_t)>& assign);
  const Option* find(const std::string& name) const;
  std::vector<std::string> names(const std::string& before = "") const;
  std::string why_unknown(const std::string& name) const;
  std::string help() const;
  void refuse_unknown(const boost::program_options::parsed_options& line) const;
  void take_line(const boost::program_options::parsed_options& line);
  void take_file();
  boost::program_options::options_description description() const;

  std::string program_, summary_, group_ = "Options", config_file_;
  std::vector<Option> options_;
  std::map<std::string, std::string> renamed_;
  std::vector<std::string> given_;
};

/// A decimal number or a fraction such as 14/15. Throws InputError naming the option.
double parse_fraction(const std::string& name, const std::string& text);

/// The version of the project, and in parentheses the commit that was built, where it is known (cmake/version.cmake).
std::string version_text();

}  // namespace lrc
