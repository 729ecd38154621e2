// Where people let things be written: directories that are there already, links, mount points, paths as shells complete
// them, file systems that lack something. The model and the data are good: so must the result be.
#include <fmt/core.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "lrc/core/error.hpp"
#include "odd_input.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

void make_nothing(const fs::path&) {}

OddInput place(std::string name, std::function<void(const fs::path&)> make, std::string output) {
  return {.name = "output: " + std::move(name), .make = std::move(make), .output = std::move(output)};
}

OddInputs directories() {
  const auto make_empty = [](const fs::path& directory) { fs::create_directory(directory / "out"); };
  const auto make_top = [](const fs::path& directory) { fs::create_directories(directory / "out/lost+found"); };
  const auto make_workshop = [](const fs::path& directory) {  // of a killed export
    fs::create_directories(directory / "out/lrc.partial/adapter");
    std::ofstream(directory / "out/lrc.partial/config.json") << "half";
  };
  const auto make_beside = [](const fs::path& directory) {  // of a killed export into a new directory
    fs::create_directory(directory / "out.partial");
    std::ofstream(directory / "out.partial/old.safetensors") << "half";
  };
  const auto make_empty_checkpoint = [](const fs::path& directory) {
    fs::create_directory(directory / "out.checkpoint");
  };
  return {place("an empty directory", make_empty, "DIRECTORY/out"),
          place("with lost+found alone", make_top, "DIRECTORY/out"),
          place("with what a killed export left inside", make_workshop, "DIRECTORY/out"),
          place("with what a killed export left beside", make_beside, "DIRECTORY/out"),
          place("parents that are not there", make_nothing, "DIRECTORY/a/b/out"),
          place("an empty checkpoint", make_empty_checkpoint, "DIRECTORY/out")};
}

OddInputs spellings() {
  const auto empty = [](const fs::path& directory) { fs::create_directory(directory / "out"); };
  OddInput here = place("the working directory", make_nothing, ".");
  here.make = [](const fs::path& directory) { fs::create_directory(directory / "here"); };
  here.output = "here/.";
  return {
      place("slashes at the end", make_nothing, "DIRECTORY/out//"),
      place("slashes after an empty directory", empty, "DIRECTORY/out///"),
      place("a relative path", make_nothing, "out"),
      place("a relative path with dots", make_nothing, "./a/../out"),
      place("a dot at the end", make_nothing, "DIRECTORY/out/."),
      here,
      place("a path with spaces, quotes, a hash and a percent sign", make_nothing, "DIRECTORY/it's \"my\" #1 100%")};
}

OddInputs links() {
  const auto to_empty = [](const fs::path& directory) {
    fs::create_directories(directory / "disk/mine");
    fs::create_directory_symlink("disk/mine", directory / "out");
  };
  const auto parent = [](const fs::path& directory) {
    fs::create_directory(directory / "disk");
    fs::create_directory_symlink(directory / "disk", directory / "link");
  };
  const auto checkpoint = [](const fs::path& directory) {
    fs::create_directory(directory / "scratch");
    fs::create_directory_symlink("scratch", directory / "out.checkpoint");
  };
  return {place("a link to an empty directory", to_empty, "DIRECTORY/out"),
          place("below a link", parent, "DIRECTORY/link/out"),
          place("whose checkpoint is a link to an empty directory", checkpoint, "DIRECTORY/out")};
}

// As root only: elsewhere nothing can be mounted, which is said.
OddInputs mounts() {
  const auto mount_on = [](const std::string& name) {
    return [name](const fs::path& directory) {
      fs::create_directory(directory / name);
      if (::mount("none", (directory / name).c_str(), "tmpfs", 0, "size=64m") != 0)
        fmt::print("output: {} is no mount point here: {}\n", name, std::strerror(errno));
    };
  };
  const auto unmount = [](const std::string& name) {
    return [name](const fs::path& directory) { ::umount2((directory / name).c_str(), MNT_DETACH); };
  };
  OddInput output = place("a mount point", mount_on("out"), "DIRECTORY/out");
  output.end = unmount("out");
  OddInput checkpoint = place("whose checkpoint is a mount point", mount_on("out.checkpoint"), "DIRECTORY/out");
  checkpoint.end = unmount("out.checkpoint");
  return {output, checkpoint};
}

OddInputs weak_file_systems() {
  OddInputs all;
  const auto lacks = [&](const std::string& calls, std::vector<std::string> said) {
    OddInput input = place("on a file system without " + calls, make_nothing, "DIRECTORY/out");
    input.environment = {"LD_PRELOAD=" LRC_FILE_FAULTS, "LRC_FAULT_ROOT=DIRECTORY", "LRC_FAULT_UNSUPPORTED=" + calls};
    input.said = std::move(said);
    all.push_back(std::move(input));
  };
  lacks("link", {"has no hard links"});
  lacks("fsync_directory", {"does not bring directories to the disk"});
  lacks("flock", {});
  lacks("link,fsync_directory,flock,utimensat", {"has no hard links", "does not bring directories to the disk"});
  return all;
}

}  // namespace

OddInputs odd_places() {
  OddInputs all;
  for (const auto& some : {directories, spellings, links, mounts, weak_file_systems}) {
    for (OddInput& one : some()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace lrc
