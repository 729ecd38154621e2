#include "lrc/linalg/blas_core.hpp"

#include <gtest/gtest.h>

#include "lrc/linalg/gemm.hpp"

namespace lrc {
namespace {

const CpuFeatures kNothing;
const CpuFeatures kAvx = {.avx = true};
const CpuFeatures kAvxFma = {.avx = true, .fma = true};
const CpuFeatures kAvx2 = {.avx = true, .avx2 = true, .fma = true};
const CpuFeatures kAvx512 = {.avx = true, .avx2 = true, .fma = true, .avx512 = true};

const std::string kDebian12 = "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY SkylakeX MAX_THREADS=64";

std::string chosen(const CpuFeatures& features, const std::string& core, const std::string& config = kDebian12) {
  return faster_blas_core(features, {config, core}).value_or("");
}

struct Processor {
  const char* name;
  CpuFeatures features;
  const char* of_library;  // where an OpenBLAS knows it or not
  const char* expected;    // "": what the library took is left
};

class Processors : public testing::TestWithParam<Processor> {};

TEST_P(Processors, TakeTheKernelsThatTheirFeaturesAllow) {
  EXPECT_EQ(chosen(GetParam().features, GetParam().of_library), GetParam().expected) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(
    Known, Processors,
    testing::Values(Processor{"Nehalem", kNothing, "Nehalem", ""}, Processor{"Sandy Bridge", kAvx, "Sandybridge", ""},
                    Processor{"Piledriver", kAvxFma, "Piledriver", ""}, Processor{"Excavator", kAvx2, "Excavator", ""},
                    Processor{"Haswell", kAvx2, "Haswell", ""}, Processor{"Knights Landing", kAvx2, "Haswell", ""},
                    Processor{"Skylake-X", kAvx512, "SkylakeX", ""}, Processor{"Cascade Lake", kAvx512, "SkylakeX", ""},
                    Processor{"Cooper Lake", kAvx512, "Cooperlake", ""},
                    Processor{"Ice Lake server", kAvx512, "SkylakeX", ""},
                    Processor{"Alder Lake", kAvx2, "Haswell", ""},
                    Processor{"Sapphire Rapids", kAvx512, "SapphireRapids", ""},
                    Processor{"Zen 1 to 3", kAvx2, "Zen", ""}, Processor{"Zen 4", kAvx512, "Cooperlake", ""},
                    Processor{"one of the future", kAvx512, "DiamondRapids", ""}));

INSTANTIATE_TEST_SUITE_P(NewerThanTheLibrary, Processors,
                         testing::Values(Processor{"Emerald Rapids", kAvx512, "Prescott", "SkylakeX"},
                                         Processor{"Granite Rapids", kAvx512, "Prescott", "SkylakeX"},
                                         Processor{"Raptor Lake", kAvx2, "Prescott", "Haswell"},
                                         Processor{"Zen 4", kAvx512, "Zen", "SkylakeX"},
                                         Processor{"Zen 5", kAvx512, "Barcelona", "SkylakeX"}));

INSTANTIATE_TEST_SUITE_P(Masked, Processors,
                         testing::Values(Processor{"Emerald Rapids without AVX", kNothing, "Prescott", ""},
                                         Processor{"Emerald Rapids without AVX2", kAvx, "Prescott", "Sandybridge"},
                                         Processor{"Emerald Rapids without AVX-512", kAvx2, "Prescott", "Haswell"},
                                         Processor{"Ice Lake without AVX-512", kAvx2, "Haswell", ""},
                                         Processor{"Zen 3 without AVX2", kAvx, "Sandybridge", ""}));

TEST(BlasCore, IsLeftWhereTheLibraryHasOnlyOne) {
  EXPECT_EQ(chosen(kAvx512, "Prescott", "OpenBLAS 0.3.21 NO_AFFINITY Prescott"), "");
  EXPECT_EQ(chosen(kAvx512, "Prescott", ""), "");
}

TEST(BlasCore, OldLibrariesMultiplyWronglyWithAvx512) {
  const auto with_version = [](const std::string& version) {
    return chosen(kAvx512, "Prescott", "OpenBLAS " + version + " DYNAMIC_ARCH");
  };
  EXPECT_EQ(with_version("0.3.20"), "Haswell");
  EXPECT_EQ(with_version("0.2.20"), "Haswell");
  EXPECT_EQ(with_version("0.3.21.dev"), "SkylakeX");
  EXPECT_EQ(with_version("0.4.0"), "SkylakeX");
  EXPECT_EQ(with_version("1.0.0"), "SkylakeX");
}

TEST(BlasCore, DescriptionIsWhatTheChoiceReads) {
  EXPECT_EQ(blas_description().rfind("OpenBLAS ", 0), 0U) << blas_description();
}

}  // namespace
}  // namespace lrc
