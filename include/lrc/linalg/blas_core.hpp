// Which of its sets of kernels, "core types", OpenBLAS runs. It chooses by the processor's model number, and takes the
// oldest for a model that is newer than the library; what the processor can do decides here.
#pragma once

#include <optional>
#include <string>

namespace lrc {

/// Instructions that core types differ by, where the processor has them and the operating system lets programs use
/// them.
struct CpuFeatures {
  bool avx = false, avx2 = false, fma = false;
  bool avx512 = false;  ///< F, CD, BW, DQ and VL
};

/// Of the processor at hand; none on other architectures than x86-64.
CpuFeatures cpu_features();

/// What an OpenBLAS says of itself.
struct BlasLibrary {
  std::string config;  ///< "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
  std::string core;    ///< "Haswell"
};

/// The core type that runs faster than that of `library` and gives right results; nothing where there is none: where
/// the library's own does as well or isn't known here, and where the library was built for one core type.
std::optional<std::string> faster_blas_core(const CpuFeatures& features, const BlasLibrary& library);

/// To be called first in a program's main, before MPI starts: where a faster core type is known and OPENBLAS_CORETYPE
/// is not set, the program starts again with it set (OpenBLAS reads it while it is loaded), as the same process with
/// the same arguments and open files.
void restart_with_faster_blas_core(char** argv);

/// Says which core type runs; a warning where a faster one is known.
void log_blas_core();

}  // namespace lrc
