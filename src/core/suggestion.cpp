#include "lrc/core/suggestion.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace lrc {
namespace {

std::string usual_form(const std::string& word) {
  std::string usual = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  for (char& c : usual) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return usual;
}

// Letters left out, put in, replaced, or exchanged with their neighbours: the optimal string alignment distance.
std::size_t typing_errors(const std::string& a, const std::string& b) {
  std::vector<std::size_t> last, row(b.size() + 1), next(b.size() + 1);  // of a's first i - 2, i - 1 and i letters
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) next[j] = std::min(next[j], last[j - 2] + 1);
    }
    last = row;
    row = next;
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  constexpr std::size_t kShortestBeginning = 3, kLettersAnError = 3;
  const std::string meant = usual_form(word);
  std::vector<std::string> near;
  std::size_t fewest = meant.size() / kLettersAnError;  // more are too many
  for (const std::string& one : known) {
    const bool begins = meant.size() >= kShortestBeginning && usual_form(one).starts_with(meant);
    const std::size_t errors = begins ? 0 : typing_errors(meant, usual_form(one));
    if (errors < fewest) near.clear();
    fewest = std::min(fewest, errors);
    if (errors == fewest) near.push_back(one);
  }
  return near.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(near, " or "));
}

}  // namespace lrc
