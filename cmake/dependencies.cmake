# Every library the project uses, each as one imported target. The README says why each is there.
set(MPI_CXX_SKIP_MPICXX ON)  # the deprecated C++ bindings
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost REQUIRED COMPONENTS program_options)
find_package(PkgConfig REQUIRED)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
# OpenBLAS comes first on the link line, so that ScaLAPACK calls it and not the libblas of the system.
find_library(SCALAPACK_LIBRARY NAMES scalapack-openmpi scalapack REQUIRED)
add_library(scalapack::scalapack INTERFACE IMPORTED)
target_link_libraries(scalapack::scalapack INTERFACE PkgConfig::openblas ${SCALAPACK_LIBRARY} MPI::MPI_CXX)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(sentencepiece REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
find_package(HDF5 REQUIRED COMPONENTS C)

