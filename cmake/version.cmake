# version_text(), with the commit that is built: it goes into every report and into the fingerprint of a checkpoint.
# Included, this adds the target that makes the source file at every build; run by that target, it makes it.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(version_source ${PROJECT_BINARY_DIR}/version.cpp)
  add_custom_target(version BYPRODUCTS ${version_source}
    COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -D VERSION=${PROJECT_VERSION} -D OUTPUT=${version_source}
      -P ${CMAKE_CURRENT_LIST_FILE})
  target_sources(lrc_core PRIVATE ${version_source})
  add_dependencies(lrc_core version)
  return()
endif()

set(version ${VERSION})
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git rev-parse --short HEAD WORKING_DIRECTORY ${SOURCE}
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  # What is not compiled, such as a config, may be changed between a run and its resumption.
  execute_process(COMMAND git diff --quiet HEAD -- src include jobs/*.cpp cmake CMakeLists.txt
    WORKING_DIRECTORY ${SOURCE} RESULT_VARIABLE changed ERROR_QUIET)
  if(commit)
    if(changed)
      string(APPEND commit "-changed")
    endif()
    string(APPEND version " (${commit})")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "lrc/core/options.hpp"

std::string lrc::version_text() { return "@version@"; }
]] @ONLY)
