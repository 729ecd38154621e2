// The committed solves as a model directory with its report, written beside the output and renamed when whole.
#pragma once

#include "run_context.hpp"

namespace lrc {

constexpr const char* kReportFile = "lrc_report.json";

/// `facts` of the run go to the report, before what is known of the linears. Collective.
void export_output(const RunContext& run, const nlohmann::ordered_json& facts);

}  // namespace lrc
