// What a run says of itself: while it goes on, and at its end.
#pragma once

#include "lrc/core/run_progress.hpp"
#include "lrc/report/run_report.hpp"

namespace lrc {

struct RunLog {
  RunReport& report;
  RunProgress& progress;
};

}  // namespace lrc
