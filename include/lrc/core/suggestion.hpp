// What somebody may have meant who wrote a word that doesn't exist.
#pragma once

#include <string>
#include <vector>

namespace lrc {

/// "; did you mean X or Y?", of the known words that `word` is the beginning of, or else that it comes from by the
/// fewest typing errors; empty where all are far. Dashes before it, its case, and _ for - don't count.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

}  // namespace lrc
