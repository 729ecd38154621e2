# lrc_module(NAME USES <modules and libraries>): one static library per module, from src/NAME and its rooms.
# Its headers are include/lrc/NAME. What a module may use stands in its one line of src/CMakeLists.txt.

add_library(lrc_flags INTERFACE)
target_include_directories(lrc_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(lrc_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
# GCC 12 sees overlaps and overflows in std::string and fmt that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(lrc_flags INTERFACE -Wno-restrict -Wno-stringop-overflow)
endif()
target_compile_definitions(lrc_flags INTERFACE OMPI_SKIP_MPICXX)
if(LRC_ARCHITECTURE)
  target_compile_options(lrc_flags INTERFACE -march=${LRC_ARCHITECTURE})
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  target_compile_options(lrc_flags INTERFACE -march=x86-64-v3)
endif()
target_compile_definitions(lrc_flags INTERFACE EIGEN_DONT_PARALLELIZE)

function(lrc_module name)
  cmake_parse_arguments(module "" "" "USES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(lrc_${name} STATIC ${sources})
  target_link_libraries(lrc_${name} PUBLIC lrc_flags ${module_USES})
endfunction()
