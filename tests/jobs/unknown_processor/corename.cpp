// To be preloaded: an OpenBLAS that doesn't know the processor, and says so until it is told one.
#include <cblas.h>
#include <dlfcn.h>

#include <cstdlib>

extern "C" char* openblas_get_corename() {
  static char oldest[] = "Prescott";
  const auto real = reinterpret_cast<char* (*)()>(dlsym(RTLD_NEXT, "openblas_get_corename"));
  return std::getenv("OPENBLAS_CORETYPE") == nullptr ? oldest : real();
}
