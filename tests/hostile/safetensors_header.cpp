// model.safetensors: headers that lie.
#include <fmt/core.h>

#include <cstring>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const char* const kFile = "model/model.safetensors";

Situation file(const std::string& name, const std::function<std::string(const std::string& good)>& change) {
  return {"model.safetensors " + name, {"model.safetensors"}, [=](const fs::path& directory) {
            write_file(directory / kFile, change(file_bytes(directory / kFile)));
          }};
}

// The length that the file claims its header to have, for 120 bytes of file.
Situation claimed_length(std::uint64_t length) {
  return file(fmt::format("claims a header of {}", length), [=](const std::string&) {
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + "{}" + std::string(110, ' ');
  });
}

Situation header(const std::string& text, const std::string& data = "") {
  return file("header " + text.substr(0, 60), [=](const std::string&) { return safetensors(text, data); });
}

// One tensor x of eight bytes, described so.
Situation entry(const std::string& description) {
  Situation situation = header("{\"x\":" + description + "}", std::string(8, '\0'));
  situation.named.emplace_back("'x'");
  return situation;
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"({{"dtype":{},"shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

Situation shape(const std::string& shape) { return entry(tensor("\"F32\"", shape, "[0,8]")); }
Situation offsets(const std::string& offsets) { return entry(tensor("\"F32\"", "[2]", offsets)); }
Situation dtype(const std::string& dtype) { return entry(tensor(dtype, "[2]", "[0,8]")); }

// Two tensors of eight bytes in 16 bytes.
Situation two(const std::string& first, const std::string& second) {
  return header(fmt::format(R"({{"x":{},"y":{}}})", tensor("\"F32\"", "[2]", first), tensor("\"F32\"", "[2]", second)),
                std::string(16, '\0'));
}

std::string many_empty_tensors(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += fmt::format(R"({}"{}":{})", i == 0 ? "" : ",", i, tensor("\"U8\"", "[0]", "[0,0]"));
  return text + "}";
}

}  // namespace

Situations safetensors_header_situations() {
  Situations all = odd_files(kFile);
  for (const int size : {1, 7, 8, 9}) {
    all.push_back(
        file(fmt::format("of {} bytes", size), [=](const std::string& good) { return good.substr(0, size); }));
  }
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{113}, std::uint64_t{1} << 25, (std::uint64_t{1} << 25) + 1,
        std::uint64_t{1} << 63, ~std::uint64_t{0} - 7, ~std::uint64_t{0}}) {
    all.push_back(claimed_length(length));
  }
  for (const char* text : {"[]", " {}", "\xEF\xBB\xBF{}", "{", "{}}", "{\"x\"}", "{\"\xFF\":1}", "{\"x\":1,}"})
    all.push_back(header(text));
  all.push_back(header("{\"x\":" + repeated("[", 100'000)));
  all.push_back(header("{\"__metadata__\":" + repeated("{\"a\":", 70) + "1" + repeated("}", 71)));
  const std::string good = tensor("\"F32\"", "[2]", "[0,8]");
  all.push_back(header(fmt::format(R"({{"x":{},"x":{}}})", good, good), std::string(8, '\0')));
  all.push_back(
      header(R"({"x":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", std::string(8, '\0')));
  for (const char* value : {"null", "1", "[]", "\"F32\"", "{}", R"({"shape":[2],"data_offsets":[0,8]})",
                            R"({"dtype":"F32","data_offsets":[0,8]})", R"({"dtype":"F32","shape":[2]})"}) {
    all.push_back(entry(value));
  }
  for (const char* name : {"\"F64\"", "\"F8_E4M3\"", "\"f32\"", "\"\"", "32", "null", "[\"F32\"]"})
    all.push_back(dtype(name));
  for (const char* sizes :
       {"2", "[-2]", "[2.0]", "[\"2\"]", "[3]", "[1]", "[]", "[0]", "[1,1,1,1,1,1,1,1,2]", "[281474976710657]",
        "[18446744073709551615]", "[18446744073709551616]", "[4294967296,4294967296]", "[0,9223372036854775807]",
        "[2147483648,2147483648,4]", "[281474976710656]"}) {
    all.push_back(shape(sizes));
  }
  for (const char* range :
       {"null", "[]", "[8]", "[0,8,8]", "[8,0]", "[0,7]", "[0,9]", "[-8,0]", "[0.0,8.0]", "[\"0\",\"8\"]", "[1,9]",
        "[8,16]", "[18446744073709551608,18446744073709551615]", "[18446744073709551612,4]", "[18446744073709551616,8]",
        "[9223372036854775808,9223372036854775816]"}) {
    all.push_back(offsets(range));
  }
  append(all, {two("[0,8]", "[0,8]"), two("[0,8]", "[4,12]"), two("[0,8]", "[12,20]"), two("[4,12]", "[12,20]"),
               two("[8,16]", "[16,24]"), header("{}", "more")});
  for (const int count : {0, 1, 100'000}) {
    all.push_back(file(fmt::format("of {} empty tensors", count),
                       [=](const std::string&) { return safetensors(many_empty_tensors(count), ""); }));
    all.back().named = {"model", "'model.embed_tokens.weight' is missing"};
  }
  all.push_back(file("header of 30 MB of brackets", [](const std::string&) {
    return safetensors("{\"x\":[" + repeated("[],", 10'000'000) + "[]]}", "");
  }));
  return all;
}

}  // namespace lrc
