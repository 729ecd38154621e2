// Zero points of an exported model, damaged or made up: refused by the names of file and tensor.
#include <gtest/gtest.h>

#include <functional>

#include "solved_model.hpp"
#include "stored_tensors.hpp"

namespace lrc {
namespace {

constexpr const char* kZeros = "model.layers.1.self_attn.k_proj.weight_zero_point";

// What a program meets that opens the model and reads the linears of a group.
void read_model(const std::filesystem::path& directory) {
  const StoredModel model(directory);
  model.group(1, block_layout(model.config(), 1).qkv);
}

void expect_refused(const std::string& what, const std::function<void(StoredTensors&)>& change, bool packed = true) {
  const SolvedModel model({.rank = 0, .weight_group = 10, .weight_bits = 3, .zero_points = true, .packed = packed});
  model.write();
  ASSERT_NO_THROW(read_model(model.output()));
  StoredTensors tensors = read_tensors(model.output());
  ASSERT_TRUE(tensors.contains(kZeros));
  change(tensors);
  write_tensors(model.output() / "quantized.safetensors", tensors);
  try {
    read_model(model.output());
    ADD_FAILURE() << what << " is not refused";
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("quantized.safetensors"), std::string::npos) << message;
    EXPECT_NE(message.find(kZeros), std::string::npos) << message;
  }
}

TEST(HostileZeroPoints, MissingOrOfAnotherShapeOrDtype) {
  expect_refused("missing", [](StoredTensors& tensors) { tensors.erase(kZeros); });
  expect_refused("transposed", [](StoredTensors& tensors) {
    std::vector<Index>& shape = tensors[kZeros].shape;
    std::swap(shape[0], shape[1]);
  });
  expect_refused("a word short", [](StoredTensors& tensors) {
    StoredTensor& zeros = tensors[kZeros];
    --zeros.shape[0];
    zeros.bytes.resize(4 * static_cast<std::size_t>(zeros.shape[0] * zeros.shape[1]));
  });
  expect_refused("flat", [](StoredTensors& tensors) {
    StoredTensor& zeros = tensors[kZeros];
    zeros.shape = {zeros.shape[0] * zeros.shape[1]};
  });
  expect_refused("not packed", [](StoredTensors& tensors) {
    tensors[kZeros] = {Dtype::i8, {16, 4}, std::string(64, '\x07')};
  });
  expect_refused("floats", [](StoredTensors& tensors) { tensors[kZeros].dtype = Dtype::f32; });
  expect_refused(
      "words",
      [](StoredTensors& tensors) {
        tensors[kZeros] = {Dtype::i32, {16, 4}, std::string(256, '\0')};
      },
      false);
}

TEST(HostileZeroPoints, OutOfRange) {
  for (const char beyond : {'\x7F', '\x80', '\x04', '\xFB'}) {
    expect_refused(
        "beyond", [&](StoredTensors& tensors) { tensors[kZeros].bytes[5] = beyond; }, false);
  }
}

}  // namespace
}  // namespace lrc
