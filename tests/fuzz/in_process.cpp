// Instead of lrc/io/child_process: no child. A target with this one is some twenty times as fast, and libFuzzer sees
// what of ours runs beside HDF5 and sentencepiece; a crash of theirs ends it, and is for the target with a child to
// survive.
#include "lrc/core/error.hpp"
#include "lrc/io/child_process.hpp"

namespace lrc {

std::vector<std::int32_t> ids_from_child(const std::filesystem::path& file, const char* failure, ChildLimits,
                                         const std::function<std::vector<std::int32_t>()>& make) {
  try {
    return make();
  } catch (const std::exception&) {
    throw InputError(file.string(), failure);
  }
}

}  // namespace lrc
