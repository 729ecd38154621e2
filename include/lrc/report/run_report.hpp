// The report of a run: one JSON object, filled as the run goes.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "lrc/core/types.hpp"

namespace lrc {

class RunReport {
 public:
  /// A value that holds for the whole run: "method", "options", "ranks".
  void set(const std::string& key, nlohmann::ordered_json value) { values_[key] = std::move(value); }

  /// Adds to the seconds and the bytes read or written of a phase; phases stand in the order of their first mention.
  void add_phase(const std::string& name, double seconds, double bytes = 0);

  /// One quantized linear.
  void add_linear(nlohmann::ordered_json linear) { linears_.push_back(std::move(linear)); }

  /// The whole report, indented.
  std::string text() const;

 private:
  nlohmann::ordered_json values_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json phases_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json linears_ = nlohmann::ordered_json::array();
};

/// Adds the time from its construction to its end to a phase.
class PhaseTimer {
 public:
  PhaseTimer(RunReport& report, std::string phase) : report_(report), phase_(std::move(phase)) {}
  ~PhaseTimer() noexcept;  // NOLINT(bugprone-exception-escape): only for lack of memory, which ends the program
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;
  void add_bytes(double bytes) { bytes_ += bytes; }

 private:
  RunReport& report_;
  std::string phase_;
  double bytes_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace lrc
