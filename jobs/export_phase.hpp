// The committed solves as a model directory with its report, written beside the output and renamed when whole.
#pragma once

#include "lrc/export/exporter.hpp"
#include "run_context.hpp"

namespace lrc {

constexpr const char* kReportFile = "lrc_report.json";

/// The format of the output.
QuantizedFormat format_of(const RunContext& run);

/// The committed solve of a stack.
SolvedStack solved_stack(const RunContext& run, const std::string& name);

/// `facts` of the run go to the report, before what is known of the linears. Collective.
void export_output(const RunContext& run, const nlohmann::ordered_json& facts);

}  // namespace lrc
