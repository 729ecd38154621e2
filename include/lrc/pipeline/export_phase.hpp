// The committed solves as a model directory with its report, which comes to its place when it is whole.
#pragma once

#include "lrc/export/exporter.hpp"
#include "lrc/io/output_place.hpp"
#include "lrc/pipeline/run_context.hpp"

namespace lrc {

/// The format of the output.
QuantizedFormat format_of(const RunContext& run);

/// The committed solve of a stack.
SolvedStack solved_stack(const RunContext& run, const std::string& name);

/// `facts` of the run go to the report, before what is known of the linears. Collective.
void export_output(const RunContext& run, const nlohmann::ordered_json& facts);

}  // namespace lrc
