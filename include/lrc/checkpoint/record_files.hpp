// Records as HDF5 files.
#pragma once

#include <filesystem>

#include "lrc/checkpoint/records.hpp"

namespace lrc {

/// Writes a new file, not yet brought to the disk.
void write_record(const std::filesystem::path& file, const SolveRecord& record);
void write_record(const std::filesystem::path& file, const SummedMoments& moments, const InputTransform& transform);
void write_record(const std::filesystem::path& file, const MatrixF& hidden);
void write_record(const std::filesystem::path& file, const LearningState& learning);

SolveRecord read_solve(const std::filesystem::path& file);
MomentsRecord read_moments(const std::filesystem::path& file);
MatrixF read_hidden(const std::filesystem::path& file);
LearningState read_learning(const std::filesystem::path& file);

}  // namespace lrc
