#include "lrc/report/run_report.hpp"

#include <algorithm>
#include <exception>

#include "lrc/core/json_text.hpp"

namespace lrc {

void RunReport::add_phase(const std::string& name, double seconds, double bytes) {
  auto phase = std::find_if(phases_.begin(), phases_.end(), [&](const auto& known) { return known["name"] == name; });
  if (phase == phases_.end()) {
    phases_.push_back({{"name", name}, {"seconds", seconds}, {"bytes", bytes}});
    return;
  }
  (*phase)["seconds"] = (*phase)["seconds"].get<double>() + seconds;
  (*phase)["bytes"] = (*phase)["bytes"].get<double>() + bytes;
}

std::string RunReport::text() const {
  nlohmann::ordered_json all = values_;
  all["phases"] = phases_;
  all["linears"] = linears_;
  return json_text(all, 1) + "\n";
}

PhaseTimer::~PhaseTimer() noexcept {
  try {
    report_.add_phase(phase_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(), bytes_);
  } catch (const std::exception&) {  // no memory: a report without this time is better than no run
  }
}

}  // namespace lrc
