// Config files and paths as people have them.
#include "odd_input.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

// The text may say DIRECTORY.
OddInput config(const std::string& name, const std::string& text) {
  const auto make = [=](const fs::path& directory) {
    std::string written = text;
    if (const std::size_t at = written.find("DIRECTORY"); at != std::string::npos)
      written.replace(at, 9, directory.string());
    write_file(directory / "run.ini", written);
    write_file(directory / "run", "where the path of a checkpoint would end if it were cut at #");
  };
  return {.name = name, .make = make, .options = {"--config=DIRECTORY/run.ini"}};
}

OddInput path(const std::string& name, const std::string& ending) {
  return {.name = name, .make = [](const fs::path&) {}, .directory_ending = ending};
}

}  // namespace

OddInputs odd_command_lines() {
  return {config("config with comments behind values", "# a run\nmethod = gptq  # plain\n damping=0.01\t; usual\n"),
          config("config with a byte order mark, CRLF and quotes",
                 "\xEF\xBB\xBFmethod = \"gptq\"\r\n\r\n  damping = '1/100' # a fraction\r\n"),
          config("config with flags in words", "paper = Yes\nallow-mixed = no\n"),
          config("config with # in a path", "checkpoint = DIRECTORY/run#3/checkpoint\n"),
          path("paths that are no UTF-8", "\xff\xe9"),
          path("paths with blanks and marks", " #;'\"$(true)\\ %s {}")};
}

}  // namespace lrc
