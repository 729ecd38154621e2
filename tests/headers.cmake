# Every header compiles on its own. That of a source file is the first thing it includes (include_table.sh), which proves
# it; for each of the others there is a source file here, which includes it and nothing else.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.hpp ${CMAKE_CURRENT_SOURCE_DIR}/*.hpp)
set(header_sources "")
foreach(header ${headers})
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${header})
  string(REGEX REPLACE "^include/lrc/" "src/" own_source ${name})
  string(REGEX REPLACE "hpp$" "cpp" own_source ${own_source})
  if(EXISTS ${PROJECT_SOURCE_DIR}/${own_source})
    continue()
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n")
  list(APPEND header_sources ${source})
endforeach()

add_library(headers OBJECT EXCLUDE_FROM_ALL ${header_sources})
target_compile_options(headers PRIVATE -O0)
target_include_directories(headers PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(headers PRIVATE LRC_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LRC_BIN_DIR="")
get_property(modules DIRECTORY ${PROJECT_SOURCE_DIR}/src PROPERTY BUILDSYSTEM_TARGETS)
target_link_libraries(headers PRIVATE ${modules} GTest::gtest)

add_test(NAME headers_compile_alone COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target headers)
