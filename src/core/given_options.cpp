// Where the values of options come from: the command line and the config file.
#include <algorithm>

#include "lrc/core/config_file.hpp"
#include "lrc/core/options.hpp"
#include "lrc/core/suggestion.hpp"

namespace lrc {
namespace po = boost::program_options;
namespace {

// Short options and beginnings of names, which another option may have tomorrow, are none.
constexpr int kStyle = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                       po::command_line_style::long_allow_next;

}  // namespace

po::options_description OptionTable::description() const {
  po::options_description all;
  for (const Option& option : options_) {
    auto* value = po::value<std::string>();
    all.add_options()(option.name.c_str(), option.is_flag ? value->implicit_value("on") : value);
  }
  return all;
}

std::vector<std::string> OptionTable::names(const std::string& before) const {
  std::vector<std::string> all;
  for (const Option& option : options_) all.push_back(before + option.name);
  return all;
}

std::string OptionTable::why_unknown(const std::string& name) const {
  const auto now = renamed_.find(name);
  return now == renamed_.end() ? "is no option" : fmt::format("is called {} now", now->second);
}

// Words that stand alone are positional for the parser, and the name of an option may be the value of another.
void OptionTable::refuse_unknown(const po::parsed_options& line) const {
  std::vector<std::string> known = names("--");
  for (const char* other : {"--help", "--version", "--config"}) known.emplace_back(other);
  for (const po::option& given : line.options) {
    const std::string word = given.original_tokens.front(), name = word.substr(0, word.find('='));
    if ((given.unregistered || given.position_key >= 0) && name.starts_with('-'))
      throw InputError(name, fmt::format("{}{} ({} --help lists them)",
                                         why_unknown(name.substr(std::min<std::size_t>(2, name.size()))),
                                         did_you_mean(name, known), program_));
    if (given.position_key >= 0)
      throw InputError(word, fmt::format("belongs to no option: they are --NAME VALUE; see {} --help", program_));
    const std::string& last = given.original_tokens.back();
    if (last != word && last.starts_with("--"))
      throw InputError(word, fmt::format("has no value: {0} follows (where that is the value: {1}={0})", last, word));
  }
}

void OptionTable::take_line(const po::parsed_options& line) {
  for (const po::option& given : line.options) {
    const Option* option = find(given.string_key);
    if (!option) continue;  // --config
    option->assign(given.value.empty() ? "on" : given.value.front());
    given_.push_back(option->name);
  }
}

void OptionTable::take_file() {
  for (const Setting& setting : read_config_file(config_file_)) {
    const Option* option = find(setting.name);
    if (!option)
      throw InputError(setting.place, fmt::format("{} {}{}", setting.name, why_unknown(setting.name),
                                                  did_you_mean(setting.name, names())));
    try {
      option->assign(setting.value);
    } catch (const InputError& error) {
      throw InputError(setting.place, error.what());
    }
    given_.push_back(option->name);
  }
}

OptionTable::Outcome OptionTable::parse(int argc, const char* const* argv, bool speak) {
  po::options_description known = description();
  known.add_options()("help", "")("version", "")("config", po::value<std::string>(&config_file_));
  try {
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    std::replace(words.begin(), words.end(), std::string("-h"), std::string("--help"));
    const po::parsed_options line =
        po::command_line_parser(words).options(known).style(kStyle).allow_unregistered().run();
    refuse_unknown(line);
    po::variables_map values;
    po::store(line, values);
    po::notify(values);
    if (speak && values.count("help") > 0) fmt::print("{}", help());
    if (speak && values.count("version") > 0) fmt::print("{} {}\n", program_, version_text());
    if (values.count("help") + values.count("version") > 0) return Outcome::shown;
    if (!config_file_.empty()) take_file();
    take_line(line);
  } catch (const po::error& error) {
    throw InputError(program_, fmt::format("{}; see {} --help", error.what(), program_));
  }
  return Outcome::run;
}

}  // namespace lrc
