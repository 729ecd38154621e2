// How progress looks: what Progress and RunProgress have in common.
#pragma once

#include <string>
#include <string_view>

namespace lrc {

/// Seconds between two lines: bars on a terminal are drawn over, a batch log keeps each.
double pause_between_lines();

/// "LABEL [####....]  42 %  DETAIL  REST"; `part` from 0 to 1.
std::string progress_line(std::string_view label, double part, std::string_view detail, std::string_view rest);

/// A bar to be drawn over, or a line of the log.
void show_progress(const std::string& line);

}  // namespace lrc
