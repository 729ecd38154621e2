#include "lrc/core/options.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace lrc {
namespace {

enum class Method { lrc, gptq };

struct Values {
  std::string model;
  Method method = Method::lrc;
  Index sequences = 128;
  double clip = 0.9, memory = 0;
  bool restart = false;
};

OptionTable table(Values& v) {
  OptionTable options("program", "does something");
  options.path("model", v.model, "a directory")
      .number("sequences", v.sequences, 1, 1000, "how many")
      .real("clip", v.clip, 0.05, 1, "ratio")
      .bytes("memory", v.memory, "size")
      .choice("method", v.method, {{"lrc", Method::lrc}, {"gptq", Method::gptq}}, "how")
      .flag("restart", v.restart, "anew");
  return options;
}

OptionTable::Outcome parse(Values& v, std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "program");
  return table(v).parse(static_cast<int>(arguments.size()), arguments.data());
}

// The message of the InputError that the arguments cause.
std::string refusal(std::vector<const char*> arguments) {
  Values v;
  try {
    parse(v, std::move(arguments));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Options, FillTheirFields) {
  Values v;
  EXPECT_EQ(parse(v, {"--model", "a b", "--sequences=7", "--clip", "14/15", "--restart", "--method", "gptq"}),
            OptionTable::Outcome::run);
  EXPECT_EQ(v.model, "a b");
  EXPECT_EQ(v.sequences, 7);
  EXPECT_DOUBLE_EQ(v.clip, 14.0 / 15);
  EXPECT_TRUE(v.restart);
  EXPECT_EQ(v.method, Method::gptq);
}

TEST(Options, SizesAreInPowersOf1024) {
  for (const auto& [text, bytes] : {std::pair{"7", 7.0}, {"2K", 2048.0}, {"1.5G", 1.5 * (1 << 30)}}) {
    Values v;
    parse(v, {"--memory", text});
    EXPECT_EQ(v.memory, bytes);
  }
  EXPECT_NE(refusal({"--memory", "4GB"}).find("--memory: '4GB' is no size; it may be bytes, or such as 1.5G"),
            std::string::npos);
  EXPECT_NE(refusal({"--memory", "-1K"}).find("--memory: -1 is out of range"), std::string::npos);
}

TEST(Options, CommandLineWinsOverTheFile) {
  const std::string file = testing::TempDir() + "/options_test.ini";
  std::ofstream(file) << "# a run\nmodel = from-file\nsequences = 5\nrestart = on\n";
  Values v;
  parse(v, {"--sequences", "9", "--config", file.c_str()});
  EXPECT_EQ(v.model, "from-file");
  EXPECT_EQ(v.sequences, 9);
  EXPECT_TRUE(v.restart);
  std::remove(file.c_str());
}

TEST(Options, RefusalsNameTheOptionAndWhatItMayBe) {
  EXPECT_NE(refusal({"--sequences", "0"}).find("--sequences: 0 is out of range; it may be 1 to 1000"),
            std::string::npos);
  EXPECT_NE(refusal({"--sequences", "1.5"}).find("--sequences: '1.5' is not a number"), std::string::npos);
  EXPECT_NE(refusal({"--clip", "nan"}).find("--clip"), std::string::npos);
  EXPECT_NE(refusal({"--clip", "2"}).find("0.05 to 1"), std::string::npos);
  EXPECT_NE(refusal({"--method", "magic"}).find("it may be lrc, gptq"), std::string::npos);
  EXPECT_NE(refusal({"--modle", "x"}).find("--modle"), std::string::npos);
  EXPECT_NE(refusal({"stray"}).find("stray: belongs to no option"), std::string::npos);
  EXPECT_NE(refusal({"--sequences", "1", "--sequences", "2"}).find("--sequences"), std::string::npos);
  EXPECT_NE(refusal({"--config", "/does/not/exist.ini"}).find("/does/not/exist.ini"), std::string::npos);
  EXPECT_NE(refusal({"--config", "/tmp"}).find("/tmp: the config file"), std::string::npos);
}

TEST(Options, MistypedOnesAreGuessed) {
  for (const auto& [given, said] : std::vector<std::pair<std::vector<const char*>, std::string>>{
           {{"--modle", "x"}, "--modle: is no option; did you mean --model? (program --help lists them)"},
           {{"--modle=x"}, "--modle: is no option; did you mean --model?"},
           {{"-model", "x"}, "-model: is no option; did you mean --model?"},
           {{"--Sequences", "1"}, "; did you mean --sequences?"},
           {{"--seq", "1"}, "; did you mean --sequences?"},
           {{"--conf", "x"}, "; did you mean --config?"},
           {{"--hepl"}, "; did you mean --help?"},
           {{"--re"}, "--re: is no option (program --help lists them)"},
           {{"--method", "gtpq"}, "--method: 'gtpq' is not allowed; it may be lrc, gptq; did you mean gptq?"},
           {{"--model", "--restart"},
            "--model: has no value: --restart follows (where that is the value: --model=--restart)"},
           {{"--model"}, "the required argument for option '--model' is missing"}}) {
    EXPECT_NE(refusal(given).find(said), std::string::npos) << said << " is not in: " << refusal(given);
  }
  Values v;
  parse(v, {"--model=--restart"});
  EXPECT_EQ(v.model, "--restart");
}

TEST(Options, FlagsAreOnOrOffInUsualWords) {
  for (const char* word : {"on", "yes", "true", "1", "True", "YES"}) {
    Values v;
    parse(v, {"--restart", word});
    EXPECT_TRUE(v.restart) << word;
  }
  for (const char* word : {"off", "no", "false", "0", "False"}) {
    Values v;
    v.restart = true;
    parse(v, {"--restart", word});
    EXPECT_FALSE(v.restart) << word;
  }
  EXPECT_NE(refusal({"--restart", "maybe"}).find("--restart: 'maybe' is not allowed; it may be on or off"),
            std::string::npos);
}

TEST(Options, EffectiveValuesAreAllThere) {
  Values v;
  OptionTable options = table(v);
  const char* arguments[] = {"program", "--sequences", "3"};
  options.parse(3, arguments);
  EXPECT_EQ(options.effective().dump(),
            R"({"model":"","sequences":"3","clip":"0.9","memory":"0","method":"lrc","restart":"off"})");
  EXPECT_TRUE(options.given("sequences"));
  EXPECT_FALSE(options.given("clip"));
}

TEST(Options, ADemandSetsWhatWasNotGivenAndRefusesWhatContradicts) {
  Values v;
  OptionTable options = table(v);
  const char* arguments[] = {"program", "--sequences", "3", "--clip", "0.50"};
  options.parse(5, arguments);
  options.demand("method", {"gptq"}, "--plain");
  EXPECT_EQ(v.method, Method::gptq);
  options.demand("clip", {"0.9", "1/2"}, "--plain");  // given as one of them, in other words
  EXPECT_DOUBLE_EQ(v.clip, 0.5);
  try {
    options.demand("sequences", {"1", "2"}, "--plain");
    ADD_FAILURE() << "3 is not refused";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "--sequences: 3 does not go with --plain; it must be 1 or 2");
  }
}

TEST(Options, APreferenceSetsWhatWasNotGiven) {
  Values v;
  OptionTable options = table(v);
  const char* arguments[] = {"program", "--clip", "0.9"};  // its default, but given
  options.parse(3, arguments);
  options.prefer("method", "gptq");
  EXPECT_EQ(v.method, Method::gptq);
  options.prefer("clip", "0.5");
  EXPECT_DOUBLE_EQ(v.clip, 0.9);
}

TEST(Options, HelpTellsADefaultThatDependsOnOthers) {
  Values v;
  OptionTable options = table(v);
  options.describe_default("clip", "0.5 with gptq, else 0.9");
  const char* arguments[] = {"program", "--help"};
  testing::internal::CaptureStdout();
  options.parse(2, arguments);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("(default 0.5 with gptq, else 0.9)"), std::string::npos);
}

TEST(Options, HelpIsShownAndNothingElseDone) {
  Values v;
  testing::internal::CaptureStdout();
  EXPECT_EQ(parse(v, {"--help"}), OptionTable::Outcome::shown);
  const std::string help = testing::internal::GetCapturedStdout();
  testing::internal::CaptureStdout();
  EXPECT_EQ(parse(v, {"-h"}), OptionTable::Outcome::shown);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), help);
  for (const char* part : {"--model", "--sequences", "(default 128)", "[lrc, gptq]", "--config", "--version"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace lrc
