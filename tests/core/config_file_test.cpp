#include "lrc/core/config_file.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "lrc/core/error.hpp"
#include "lrc/core/options.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

// As the job script of Slurm reads it, with the functions that it has for that.
std::string value_in_job_script(const std::filesystem::path& file, const std::string& name) {
  const std::string script = std::string(LRC_SOURCE_DIR) + "/slurm/lrc_calibrate.slurm";
  const std::string command = "bash -c 'eval \"$(sed -n \"/^[a-z_]*() {/,/^}/p\" " + script +
                              ")\"; arguments=(--config=\"$1\"); option " + name + "' _ '" + file.string() + "'";
  FILE* pipe = popen(command.c_str(), "r");
  std::string value;
  std::array<char, 4096> buffer;
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) value.append(buffer.data(), got);
  pclose(pipe);
  return value.substr(0, value.size() - 1);  // the end of the line
}

void expect_output(const std::string& text, const std::string& expected) {
  const TemporaryDirectory directory;
  write_file(directory / "run.ini", text);
  std::string value;
  for (const Setting& setting : read_config_file(directory / "run.ini")) {
    if (setting.name == "output") value = setting.value;
  }
  EXPECT_EQ(value, expected) << text;
  EXPECT_EQ(value_in_job_script(directory / "run.ini", "output"), expected) << text;
}

TEST(ConfigFile, HasTheValuesThatPeopleMean) {
  expect_output("output = run\n", "run");
  expect_output("output=run", "run");
  expect_output("\t output\t=  a b  \t\r\n", "a b");
  expect_output("output = /p/run#3/out\n", "/p/run#3/out");
  expect_output("output = a;b # c = d\n", "a;b");
  expect_output("output = a  ; b\n", "a");
  expect_output("output = \"/p/run #3\" # the third\n", "/p/run #3");
  expect_output("output = '; a \"b\" '\r\n", "; a \"b\" ");
  expect_output("output = it's \"a\"\n", "it's \"a\"");
  expect_output("output = a=b\n", "a=b");
  expect_output("output = \"\"\n", "");
  expect_output("output =\n", "");
  expect_output("output = # none\n", "");
  expect_output("\xEF\xBB\xBFoutput = run\n", "run");
  expect_output("# output = a\n ; output = b\n\noutput = c\n", "c");
  expect_output("#output = a\noutputs = b\nno-output = c\noutput = d\n", "d");
  expect_output("output = \xE9\xFF\xC3\xA9\n", "\xE9\xFF\xC3\xA9");
}

TEST(ConfigFile, SaysInWhichLineItIsNone) {
  const TemporaryDirectory directory;
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"a = 1\n\nb\n", "run.ini, line 3: 'b' is not of the form NAME = VALUE"},
           {"= 1\n", "line 1: '= 1' is not of the form NAME = VALUE"},
           {"[run]\na = 1\n", "line 1: '[run]' is a section"},
           {"a = 1\n# a = 2\na = 3\n", "line 3: a is set already: "},
           {"a = \"1\n", "line 1: \"1 is no value in quotes"},
           {"a = '1' 2\n", "line 1: '1' 2 is no value in quotes"},
           {std::string("a\0 = 1\n", 7), "line 1"}}) {
    write_file(directory / "run.ini", text);
    try {
      read_config_file(directory / "run.ini");
      ADD_FAILURE() << text << " is not refused";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
    }
  }
}

TEST(ConfigFile, WithWrongOptionsIsRefusedByTheLine) {
  const TemporaryDirectory directory;
  const std::string file = directory / "run.ini";
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"# a run\nmodell = x\n", "run.ini, line 2: modell is no option; did you mean model?"},
           {"--model = x\n", "line 1: --model is no option; did you mean model?"},
           {"count = many\n", "line 1: --count: 'many' is not a number"},
           {"config = other.ini\n", "line 1: config is no option"}}) {
    write_file(file, text);
    std::string model;
    Index count = 0;
    OptionTable table("program", "does something");
    table.path("model", model, "a directory").number("count", count, 0, 9, "how many");
    const std::array arguments{"program", "--config", file.c_str()};
    try {
      table.parse(arguments.size(), arguments.data());
      ADD_FAILURE() << text << " is not refused";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace lrc
