#include "lrc/io/tokens.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>
#include <limits>

#include "lrc/core/error.hpp"
#include "lrc/io/hdf5.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

template <class Integer>
std::string npy(const std::string& type, const std::string& shape, const std::vector<Integer>& values,
                const std::string& order = "False") {
  std::string header = "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  header.resize((header.size() + 10) / 64 * 64 + 118 - 64, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string file("\x93NUMPY\x01\x00", 8);
  file.append(reinterpret_cast<const char*>(&length), 2);
  return file + header + std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Integer));
}

std::vector<std::int32_t> read(const std::string& bytes, const std::string& name = "tokens.npy") {
  const TemporaryDirectory directory;
  write_file(directory / name, bytes);
  return read_tokens(directory / name);
}

TEST(Tokens, OfEveryTypeAndShapeAreOneStream) {
  const std::vector<std::int32_t> expected{1, 65535, 3, 4, 5, 6};
  EXPECT_EQ(read(npy<std::uint16_t>("<u2", "(2, 3)", {1, 65535, 3, 4, 5, 6})), expected);
  EXPECT_EQ(read(npy<std::int32_t>("<i4", "(6,)", {1, 65535, 3, 4, 5, 6})), expected);
  EXPECT_EQ(read(npy<std::int64_t>("<i8", "(3, 2)", {1, 65535, 3, 4, 5, 6})), expected);
  EXPECT_EQ(read(npy<std::int64_t>("<i8", "(3,2)", {1, 65535, 3, 4, 5, 6})), expected);
  EXPECT_TRUE(read(npy<std::int64_t>("<i8", "(0, 7)", {})).empty());
}

template <class Integer>
std::vector<Integer> swapped(std::vector<Integer> values) {
  for (Integer& value : values) {
    auto* bytes = reinterpret_cast<unsigned char*>(&value);
    std::reverse(bytes, bytes + sizeof value);
  }
  return values;
}

// Every size, sign and byte order, each with the largest id that it holds and lrc knows.
template <class Integer>
void expect_every_order(const std::string& type) {
  constexpr auto kLargest = static_cast<Integer>(
      std::min<std::uint64_t>(std::numeric_limits<Integer>::max(), std::numeric_limits<std::int32_t>::max()));
  const std::vector<Integer> values{0, 1, 127, kLargest};
  const std::vector<std::int32_t> expected{0, 1, 127, static_cast<std::int32_t>(kLargest)};
  for (const char* order : {"<", "=", "|"}) EXPECT_EQ(read(npy(order + type, "(4,)", values)), expected) << type;
  EXPECT_EQ(read(npy(">" + type, "(4,)", swapped(values))), expected) << type;
}

TEST(Tokens, OfEveryIntegerTypeAndByteOrder) {
  expect_every_order<std::int8_t>("i1");
  expect_every_order<std::uint8_t>("u1");
  expect_every_order<std::int16_t>("i2");
  expect_every_order<std::uint16_t>("u2");
  expect_every_order<std::int32_t>("i4");
  expect_every_order<std::uint32_t>("u4");
  expect_every_order<std::int64_t>("i8");
  expect_every_order<std::uint64_t>("u8");
}

// numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]) lies in the file as 1 4 2 5 3 6.
TEST(Tokens, StoredByColumnsAreReadByRows) {
  const TemporaryDirectory directory;
  write_file(directory / "t.npy", npy<std::uint16_t>("<u2", "(2, 3)", {1, 4, 2, 5, 3, 6}, "True"));
  const std::vector<std::int32_t> rows{1, 2, 3, 4, 5, 6};
  for (std::size_t most = 1; most <= rows.size(); ++most)
    EXPECT_EQ(read_tokens(directory / "t.npy", static_cast<Index>(most)),
              std::vector(rows.begin(), rows.begin() + most));
  EXPECT_EQ(read_tokens(directory / "t.npy"), rows);
  EXPECT_EQ(read(npy<std::uint16_t>("<u2", "(3,)", {1, 2, 3}, "True")), (std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_TRUE(read(npy<std::uint16_t>("<u2", "(2, 0)", {}, "True")).empty());
}

TEST(Tokens, OfAnyNameAreKnownByTheirContent) {
  const std::string good = npy<std::int32_t>("<i4", "(2,)", {1, 2});
  for (const char* name : {"tokens", "tokens.dat", "tokens.txt"})
    EXPECT_EQ(read(good, name), (std::vector<std::int32_t>{1, 2})) << name;
}

TEST(Tokens, AreReadAsFarAsTheyAreAskedFor) {
  const TemporaryDirectory directory;
  write_file(directory / "t.npy", npy<std::int32_t>("<i4", "(6,)", {1, 2, 3, 4, -5, 6}));
  EXPECT_EQ(read_tokens(directory / "t.npy", 4), (std::vector<std::int32_t>{1, 2, 3, 4}));
  EXPECT_THROW(read_tokens(directory / "t.npy", 5), InputError);
  write_file(directory / "t.npy", npy<std::uint16_t>("<u2", "(2,)", {1, 2}));
  EXPECT_EQ(read_tokens(directory / "t.npy", 4), (std::vector<std::int32_t>{1, 2}));
}

TEST(Tokens, BadFilesAreRefused) {
  const std::string good = npy<std::int32_t>("<i4", "(6,)", {1, 2, 3, 4, 5, 6});
  EXPECT_THROW(read(""), InputError);
  EXPECT_THROW(read(good.substr(0, 9)), InputError);
  EXPECT_THROW(read(good.substr(0, good.size() - 1)), InputError);
  EXPECT_THROW(read(good + "x"), InputError);
  EXPECT_THROW(read("X" + good.substr(1)), InputError);
  EXPECT_THROW(read(npy<float>("<f4", "(1,)", {1.0F})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i3", "(1,)", {1})), InputError);
  EXPECT_THROW(read(npy<std::int8_t>("|b1", "(1,)", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(1, 1, 1)", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "()", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(1 1)", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(1,", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(-1,)", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(2, 1)", {1, 2}, "Perhaps")), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(999999999999999, 999999999999999)", {1})), InputError);
  EXPECT_THROW(read(npy<std::int32_t>("<i4", "(2,)", {1, -1})), InputError);
  EXPECT_THROW(read(npy<std::int64_t>("<i8", "(1,)", {std::int64_t{1} << 31})), InputError);
  EXPECT_THROW(read(npy<std::uint64_t>("<u8", "(1,)", {std::uint64_t{1} << 63})), InputError);
  EXPECT_THROW(read(npy<std::int8_t>("|i1", "(1,)", {-1})), InputError);
  EXPECT_THROW(read("1 2 3", "tokens.txt"), InputError);
}

// A file with one dataset of int64 under `name`, made by HDF5 itself.
void write_h5(const std::filesystem::path& path, const std::string& name, std::vector<std::int64_t> values,
              bool is_virtual = false) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t size = values.size();
  const hid_t space = H5Screate_simple(1, &size, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
  if (is_virtual) H5Pset_virtual(list, space, "/etc/passwd", "x", space);
  const hid_t dataset = H5Dcreate2(file, name.c_str(), H5T_STD_I64LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  if (!is_virtual) H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset);
  H5Pclose(list);
  H5Sclose(space);
  H5Fclose(file);
}

TEST(Tokens, FromHdf5) {
  const TemporaryDirectory directory;
  write_h5(directory / "a.h5", "tokens", {7, 8, 9});
  EXPECT_EQ(read_tokens(directory / "a.h5"), (std::vector<std::int32_t>{7, 8, 9}));
  write_h5(directory / "b.h5", "other", {7});
  EXPECT_THROW(read_tokens(directory / "b.h5"), InputError);
  write_h5(directory / "c.h5", "tokens", {7, -1});
  EXPECT_THROW(read_tokens(directory / "c.h5"), InputError);
  write_h5(directory / "d.h5", "tokens", {1, 2}, true);
  EXPECT_THROW(read_tokens(directory / "d.h5"), InputError);
  write_file(directory / "e.h5", "this is no HDF5 file");
  EXPECT_THROW(read_tokens(directory / "e.h5"), InputError);
  Hdf5Writer floats(directory / "f.h5");
  floats.write<float>("tokens", {1, 2}, std::vector<float>{1, 2});
  floats.close();
  EXPECT_THROW(read_tokens(directory / "f.h5"), InputError);
}

TEST(Tokens, WithoutTheDatasetTheOthersAreNamed) {
  const TemporaryDirectory directory;
  write_h5(directory / "a.h5", "input_ids", {7});
  try {
    read_tokens(directory / "a.h5");
    ADD_FAILURE() << "is not refused";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("has no dataset 'tokens'; it holds input_ids"), std::string::npos)
        << error.what();
  }
}

// A type of its own, such as an unsigned byte or a big-endian number, with a user block before HDF5's.
void write_h5_of(const std::filesystem::path& path, hid_t type, const std::vector<hsize_t>& sizes) {
  const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(creation, 512);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, "tokens", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const std::vector<std::int64_t> values{1, 2, 3, 4, 5, 6};
  H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset);
  H5Sclose(space);
  H5Fclose(file);
  H5Pclose(creation);
}

TEST(Tokens, FromHdf5OfEveryIntegerTypeAreReadAsFarAsTheyAreAskedFor) {
  const TemporaryDirectory directory;
  const std::vector<std::int32_t> rows{1, 2, 3, 4, 5, 6};
  for (const hid_t type : {H5T_STD_U8LE, H5T_STD_I16BE, H5T_STD_U32BE, H5T_STD_U64LE}) {
    for (const std::vector<hsize_t>& sizes : {std::vector<hsize_t>{6}, {2, 3}, {1, 6}, {6, 1}}) {
      write_h5_of(directory / "tokens.data", type, sizes);
      EXPECT_EQ(read_tokens(directory / "tokens.data"), rows);
      for (std::size_t most = 1; most <= rows.size() + 1; ++most) {
        const auto end = rows.begin() + std::min<std::ptrdiff_t>(most, rows.size());
        EXPECT_EQ(read_tokens(directory / "tokens.data", static_cast<Index>(most)), std::vector(rows.begin(), end));
      }
    }
  }
}

TEST(Hdf5, DatasetsRoundTripAndTextsToo) {
  const TemporaryDirectory directory;
  std::vector<float> values(std::size_t{1000} * 700);  // several chunks
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.5F;
  Hdf5Writer writer(directory / "file.h5");
  writer.write<float>("matrix", {1000, 700}, values);
  writer.write<float>("empty", {5, 0}, {});
  writer.write_text("text", "words");
  writer.close();
  const Hdf5Reader reader(directory / "file.h5");
  EXPECT_EQ(reader.dimensions("matrix"), (std::vector<Index>{1000, 700}));
  EXPECT_EQ(reader.read<float>("matrix"), values);
  EXPECT_EQ(reader.dimensions("empty"), (std::vector<Index>{5, 0}));
  EXPECT_TRUE(reader.read<float>("empty").empty());
  EXPECT_EQ(reader.read_text("text"), "words");
}

}  // namespace
}  // namespace lrc
