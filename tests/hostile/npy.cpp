// tokens.npy: headers that lie, numbers that are no tokens.
#include <fmt/core.h>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string file = fmt::format("\x93NUMPY{}", static_cast<char>(version));
  const std::size_t size = header.size();
  file += '\0';
  file += static_cast<char>(size & 0xFF);
  file += static_cast<char>(size >> 8 & 0xFF);
  if (version > 1) file += std::string(2, '\0');
  return file + header + data;
}

std::string header(const std::string& type, const std::string& shape, const std::string& order = "False") {
  return fmt::format("{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}\n", type, order, shape);
}

Situation tokens(const std::string& name, const std::string& bytes) {
  return {"tokens.npy " + name, {"tokens.npy"}, [=](const fs::path& d) { write_file(d / "tokens.npy", bytes); }};
}

template <class Integer>
std::string numbers(std::vector<Integer> values) {
  values.resize(256);
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Integer)};
}

}  // namespace

Situations npy_situations() {
  Situations all = odd_files("tokens.npy");
  const std::string zeros(512, '\0');
  for (const char* shape :
       {"()", "(0,)", "(255,)", "(257,)", "(-256,)", "(256.0,)", "('256',)", "(16, 17)", "(256, 0)", "(2, 2, 64)",
        "256", "(999999999999999,)", "(4294967296, 4294967296)", "(999999999999999, 999999999999999)",
        "(9223372036854775808,)", "(18446744073709551872,)", "(1000000000000000, 18446744073709)"}) {
    all.push_back(tokens(fmt::format("of shape {}", shape), npy(header("'<u2'", shape), zeros)));
  }
  for (const char* type :
       {"'<f2'", "'|O'", "'<U1'", "'<u2, <u2'", "[('a', '<u2')]", "''", "7", "'<i3'", "'?u2'", "'u2'"})
    all.push_back(tokens(fmt::format("of type {}", type), npy(header(type, "(256,)"), zeros)));
  for (const char* order : {"1", "None", "'True'"})
    all.push_back(tokens(fmt::format("in order {}", order), npy(header("'<u2'", "(16, 16)", order), zeros)));
  const std::string good = npy(header("'<u2'", "(256,)"), zeros);
  for (const std::size_t size : {5, 6, 8, 10, 11, 12, 60}) {
    all.push_back(tokens(fmt::format("cut off after {} bytes", size), good.substr(0, size)));
  }
  append(all, {tokens("with a byte more", good + "x"), tokens("with a byte less", good.substr(0, good.size() - 1)),
               tokens("of version 0", npy(header("'<u2'", "(256,)"), zeros, 0)),
               tokens("of version 4", npy(header("'<u2'", "(256,)"), zeros, 4)),
               tokens("with the length of version 2", npy(header("'<u2'", "(256,)"), zeros, 1).replace(6, 1, "\2")),
               tokens("with a header of 4 GB", std::string("\x93NUMPY\2\0\xFF\xFF\xFF\xFF", 12) + zeros),
               tokens("with an empty header", npy("", zeros)),
               tokens("with a header of spaces", npy(std::string(60'000, ' '), zeros)),
               tokens("with a header of quotes", npy(std::string(60'000, '\''), zeros)),
               tokens("with a header of one word again and again", npy(repeated("'descr': '", 6'000), zeros)),
               tokens("with a header of one long type", npy("{'descr': '" + std::string(60'000, 'x'), zeros)),
               tokens("by columns with a byte less", npy(header("'<u2'", "(16, 16)", "True"), zeros.substr(1))),
               tokens("that are text", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
               tokens("a pickle", "\x80\x04\x95\x10this is no array")});
  const auto ids = [&](const std::string& name, const std::string& type, const std::string& data) {
    all.push_back(tokens("ids " + name, npy(header(type, "(256,)"), data)));
  };
  ids("64", "'<u2'", numbers<std::uint16_t>({1, 64}));
  ids("65535", "'<u2'", numbers<std::uint16_t>({65535}));
  ids("64 of a byte", "'|u1'", "@" + std::string(255, '\0'));
  ids("-1 of a byte", "'|i1'", "\xFF" + std::string(255, '\0'));
  ids("256, the other end first", "'>u2'", numbers<std::uint16_t>({1}));
  ids("2^63", "'<u8'", numbers<std::uint64_t>({std::uint64_t{1} << 63}));
  ids("-1", "'<i4'", numbers<std::int32_t>({0, -1}));
  ids("smallest", "'<i4'", numbers<std::int32_t>({std::int32_t{-2147483647} - 1}));
  ids("2^31", "'<i8'", numbers<std::int64_t>({std::int64_t{1} << 31}));
  ids("2^32", "'<i8'", numbers<std::int64_t>({std::int64_t{1} << 32}));
  ids("2^63-1", "'<i8'", numbers<std::int64_t>({INT64_MAX}));
  all.push_back({"tokens.npy longer than its header says", {"tokens.npy"}, [](const fs::path& directory) {
                   fs::resize_file(directory / "tokens.npy", std::uintmax_t{1} << 40);  // sparse
                 }});
  return all;
}

}  // namespace lrc
