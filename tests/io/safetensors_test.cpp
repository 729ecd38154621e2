#include "lrc/io/safetensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "lrc/core/error.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

std::string safetensors(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return file + header + std::string(data_bytes, '\0');
}

// What opening a file of these bytes is refused with; empty where it is accepted.
std::string refusal(const std::string& bytes) {
  const TemporaryDirectory directory;
  write_file(directory / "model.safetensors", bytes);
  try {
    TensorDirectory tensors(directory.path());
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("model.safetensors"), std::string::npos)
        << "the file is not named: " << error.what();
    return error.what();
  }
  return "";
}

constexpr const char* kGood =
    R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}})";

TEST(Safetensors, AGoodFileIsAccepted) { EXPECT_EQ(refusal(safetensors(kGood, 22)), ""); }

struct Bad {
  const char* what;  // is wrong
  std::string bytes;
  const char* named;  // must stand in the message
};

class BadSafetensors : public testing::TestWithParam<Bad> {};

TEST_P(BadSafetensors, IsRefusedByName) {
  const std::string message = refusal(GetParam().bytes);
  EXPECT_NE(message.find(GetParam().named), std::string::npos) << GetParam().what << ": '" << message << "'";
}

std::string one(const std::string& entry, std::size_t data) { return safetensors("{\"a\":" + entry + "}", data); }

INSTANTIATE_TEST_SUITE_P(
    All, BadSafetensors,
    testing::Values(
        Bad{"empty file", "", "too few"}, Bad{"cut in the length", "abc", "too few"},
        Bad{"header longer than the file", safetensors(kGood, 22).substr(0, 40), "truncated"},
        Bad{"header of 2^63 bytes", std::string("\0\0\0\0\0\0\0\x80", 8) + "{}", "at most"},
        Bad{"data cut off", safetensors(kGood, 21), "truncated"},
        Bad{"data too long", safetensors(kGood, 23), "longer than its header"},
        Bad{"not JSON", safetensors("{\"a\":", 0), "JSON"}, Bad{"not an object", safetensors("[1]", 0), "'{'"},
        Bad{"invalid UTF-8", safetensors("{\"\xff\":1}", 0), "JSON"},
        Bad{"a key twice",
            safetensors(
                R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                8),
            "twice"},
        Bad{"deep nesting", safetensors("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}", 0),
            "nested deeper"},
        Bad{"unknown dtype", one(R"({"dtype":"F128","shape":[4],"data_offsets":[0,64]})", 64), "F128"},
        Bad{"half a byte", one(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1), "within a byte"},
        Bad{"no dtype", one(R"({"shape":[1],"data_offsets":[0,4]})", 4), "dtype"},
        Bad{"no shape", one(R"({"dtype":"F32","data_offsets":[0,4]})", 4), "shape"},
        Bad{"negative size", one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4), "-1"},
        Bad{"overflowing shape",
            one(R"({"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]})", 0), "overflows"},
        Bad{"fractional size", one(R"({"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})", 4), "1.5"},
        Bad{"offsets that don't fit the shape", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4),
            "ask for 8"},
        Bad{"offsets backwards", one(R"({"dtype":"F32","shape":[1],"data_offsets":[8,4]})", 8), "bytes 8 to 4"},
        Bad{"offsets missing", one(R"({"dtype":"F32","shape":[1]})", 4), "data_offsets"},
        Bad{"entry not an object", one("7", 0), "object"},
        Bad{"overlap",
            safetensors(
                R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                12),
            "overlaps"},
        Bad{"gap",
            safetensors(
                R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                12),
            "gap of 4"}));

// A directory with one tensor `a` in part.safetensors and the given index.
std::string index_refusal(const std::string& index, const std::string& copy = "") {
  const TemporaryDirectory directory;
  const std::string part = one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4);
  write_file(directory / "part.safetensors", part);
  write_file(directory / "copy.safetensors", copy.empty() ? part : copy);
  write_file(directory / "model.safetensors.index.json", index);
  try {
    TensorDirectory tensors(directory.path());
    EXPECT_NE(tensors.find("a"), nullptr);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(SafetensorsIndex, NamesPlainFilesOfTheDirectoryOnly) {
  EXPECT_EQ(index_refusal(R"({"weight_map":{"a":"part.safetensors"}})"), "");
  for (const char* name : {"../part.safetensors", "/etc/passwd", "..", ".", "", "sub/part.safetensors"}) {
    const std::string message = index_refusal(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name));
    EXPECT_NE(message.find("plain file name"), std::string::npos) << name << ": " << message;
  }
  EXPECT_NE(index_refusal(R"({"weight_map":{"a":"gone.safetensors"}})").find("gone.safetensors"), std::string::npos);
}

TEST(SafetensorsIndex, MayNameLinksToElsewhere) {
  const TemporaryDirectory outside, directory;
  write_file(outside / "blob", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4));
  std::filesystem::create_symlink(outside / "blob", directory / "part.safetensors");
  write_file(directory / "model.safetensors.index.json", R"({"weight_map":{"a":"part.safetensors"}})");
  EXPECT_EQ(TensorDirectory(directory.path()).tensors().size(), 1U);
}

TEST(SafetensorsIndex, CopiesOfATensorMustBeTheSame) {
  const std::string index = R"({"weight_map":{"a":"part.safetensors","b":"copy.safetensors"}})";
  const auto two = [](const char* shape, char last) {
    std::string file = safetensors(fmt::format(R"({{"a":{{"dtype":"F32","shape":{},"data_offsets":[0,4]}},)"
                                               R"("b":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}}})",
                                               shape),
                                   8);
    file[file.size() - 5] = last;
    return file;
  };
  EXPECT_EQ(index_refusal(index, two("[1]", '\0')), "");
  EXPECT_NE(index_refusal(index, two("[1]", '\1')).find("tensor 'a' is in"), std::string::npos);
  EXPECT_NE(index_refusal(index, two("[1,1]", '\0')).find("tensor 'a' is in"), std::string::npos);
}

TEST(SafetensorsIndex, MustTellTheTruth) {
  EXPECT_NE(index_refusal(R"({"weight_map":{"b":"part.safetensors"}})").find("tensor 'b'"), std::string::npos);
  EXPECT_NE(index_refusal(R"({"weight_map":{"a":7}})").find("tensor 'a'"), std::string::npos);
  EXPECT_NE(index_refusal(R"({})").find("weight_map"), std::string::npos);
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const TemporaryDirectory directory;
  std::vector<float> values(35);
  std::iota(values.begin(), values.end(), -17.0F);
  const std::vector<std::int32_t> integers{1, -2, 2147483647};
  SafetensorsWriter writer(directory / "model.safetensors", {{.name = "z", .dtype = Dtype::bf16, .shape = {7, 5}},
                                                             {.name = "empty", .dtype = Dtype::f32, .shape = {0, 4}},
                                                             {.name = "a", .dtype = Dtype::f16, .shape = {35}},
                                                             {.name = "i", .dtype = Dtype::i32, .shape = {3}}});
  writer.write(std::span(values).first(10));  // in two pieces
  writer.write(std::span(values).subspan(10));
  writer.write({});
  writer.write(values);
  writer.write_bytes(std::as_bytes(std::span(integers)));
  EXPECT_FALSE(std::filesystem::exists(directory / "model.safetensors"));
  writer.commit();

  const TensorDirectory tensors(directory.path());
  ASSERT_EQ(tensors.tensors().size(), 4U);
  for (const char* name : {"z", "a"}) {
    std::vector<float> back(35);
    tensors.read(tensors.at(name), back);
    EXPECT_EQ(back, values) << name;
  }
  std::vector<float> rows(10);
  tensors.read_rows(tensors.at("z"), 3, 2, rows);
  EXPECT_EQ(rows, std::vector<float>(values.begin() + 15, values.begin() + 25));
  std::vector<std::int32_t> integers_back(3);
  tensors.read_int32(tensors.at("i"), integers_back);
  EXPECT_EQ(integers_back, integers);
}

TEST(Safetensors, NotANumberIsNamedWithItsPlace) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const TemporaryDirectory directory;
    std::vector<float> values(100, 1.0F);
    values[57] = bad;
    SafetensorsWriter writer(directory / "model.safetensors",
                             {{.name = "weight", .dtype = Dtype::f32, .shape = {10, 10}}});
    writer.write_bytes(std::as_bytes(std::span(values)));
    writer.commit();
    const TensorDirectory tensors(directory.path());
    try {
      std::vector<float> back(50);
      tensors.read_rows(tensors.at("weight"), 5, 5, back);
      FAIL() << "accepted";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("'weight'"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("element 57"), std::string::npos) << error.what();
    }
  }
}

TEST(Safetensors, WhatADtypeCannotHoldIsNotWritten) {
  const TemporaryDirectory directory;
  const auto refusal = [&](Dtype dtype, float value) -> std::string {
    SafetensorsWriter writer(directory / "model.safetensors", {{.name = "weight", .dtype = dtype, .shape = {2}}});
    try {
      writer.write(std::vector<float>{1, value});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(Dtype::f16, 65519.0F), "");
  EXPECT_NE(refusal(Dtype::f16, 70000.0F).find("tensor 'weight' would hold 70000"), std::string::npos);
  EXPECT_NE(refusal(Dtype::bf16, std::numeric_limits<float>::max()).find("no finite BF16"), std::string::npos);
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    EXPECT_NE(refusal(dtype, NAN), "");
    EXPECT_NE(refusal(dtype, -INFINITY), "");
  }
}

TEST(Safetensors, AFileThatShrinksMeanwhileIsAnError) {
  const TemporaryDirectory directory;
  write_file(directory / "model.safetensors", safetensors(kGood, 22));
  const TensorDirectory tensors(directory.path());
  std::filesystem::resize_file(directory / "model.safetensors", 60);
  std::vector<float> values(3);
  EXPECT_THROW(tensors.read(tensors.at("b"), values), Error);
}

TEST(Safetensors, MissingFilesAndTensorsAreNamed) {
  const TemporaryDirectory directory;
  EXPECT_THROW(TensorDirectory(directory.path()), InputError);
  write_file(directory / "model.safetensors", safetensors(kGood, 22));
  EXPECT_THROW(TensorDirectory(directory.path()).at("c"), InputError);
}

}  // namespace
}  // namespace lrc
