// What an independent implementation of LRQ found for block 0 of stories260k, beside the project where it is there.
#pragma once

#include <fstream>
#include <stdexcept>

#include "lrc/linalg/matrix.hpp"
#include "shared_data.hpp"

namespace lrc {

inline std::filesystem::path lrq_fixture_directory() { return shared_data("../prototypes/lrq/fixture_lrq"); }

/// PREFIX + q, k, v, o, gate, up or down + SUFFIX + .npy, for a linear such as model.layers.0.self_attn.q_proj: fp32,
/// two dimensions.
inline MatrixF lrq_fixture(const std::string& prefix, const std::string& linear, const std::string& suffix = "") {
  std::string name = linear.substr(linear.rfind('.') + 1);
  name = name.substr(0, name.find('_'));
  std::ifstream file(lrq_fixture_directory() / (prefix + name + suffix + ".npy"), std::ios::binary);
  std::string header(128, ' ');  // magic, version, length, and "{'descr': '<f4', 'fortran_order': False, 'shape': ..."
  file.read(header.data(), std::ssize(header));
  const std::size_t shape = header.find("'shape': (");
  if (!file || shape == std::string::npos) throw std::runtime_error("no .npy of fp32: " + prefix + name + suffix);
  const std::size_t first = shape + 10, second = header.find(", ", first) + 2;
  MatrixF values(std::stoll(header.substr(first)), std::stoll(header.substr(second)));
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

}  // namespace lrc

#define LRC_REQUIRE_LRQ_FIXTURE() \
  if (!std::filesystem::exists(lrc::lrq_fixture_directory())) GTEST_SKIP() << "the fixtures of LRQ are not there"
