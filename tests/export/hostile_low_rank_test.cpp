// low_rank.safetensors, damaged or made up: refused by the names of file and tensor.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "solved_model.hpp"

namespace lrc {
namespace {

struct Tensor {
  Dtype dtype;
  std::vector<Index> shape;
  std::string bytes;
};
using Tensors = std::map<std::string, Tensor>;

constexpr const char* kGroup = "model.layers.1.mlp.gate_up";  // 2·48×32
const ExportCase kAll{.stacked = true, .centered = true, .residual = true, .factor_bits = 8};

std::string floats(std::vector<float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

Tensors read_all(const std::filesystem::path& directory) {
  const TensorDirectory from(directory, kLowRankFile);
  Tensors all;
  for (const TensorInfo& info : from.tensors()) {
    Tensor& tensor = all[info.name] = {info.dtype, info.shape, std::string(bytes_of(info), '\0')};
    from.read_bytes(info, 0, std::as_writable_bytes(std::span(tensor.bytes)));
  }
  return all;
}

void write_all(const std::filesystem::path& directory, const Tensors& all) {
  std::vector<TensorInfo> infos;
  for (const auto& [name, tensor] : all) infos.push_back({.name = name, .dtype = tensor.dtype, .shape = tensor.shape});
  SafetensorsWriter writer(directory / kLowRankFile, infos);
  for (const auto& [name, tensor] : all) writer.write_bytes(std::as_bytes(std::span(tensor.bytes)));
  writer.commit();
}

// What a program meets that opens the model and reads all its groups.
void read_model(const std::filesystem::path& directory) {
  const StoredModel model(directory);
  for (Index block = 0; block < model.config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(model.config(), block).groups) model.group(block, group);
  }
}

class HostileLowRank : public testing::Test {
 protected:
  // The tensor kGroup + part is changed, and named by the refusal.
  void expect_refused(const std::string& part, const std::function<void(Tensors&, Tensor&)>& change,
                      const ExportCase& what = kAll) {
    const SolvedModel model(what);
    model.write();
    ASSERT_NO_THROW(read_model(model.output()));
    Tensors all = read_all(model.output());
    const std::string name = kGroup + part;
    change(all, all[name]);
    write_all(model.output(), all);
    try {
      read_model(model.output());
      ADD_FAILURE() << name << " is not refused";
    } catch (const InputError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("low_rank"), std::string::npos) << message;
      EXPECT_NE(message.find("'" + name + "'"), std::string::npos) << message;
    }
  }

  void expect_refused_without(const std::string& part) {
    expect_refused(part, [&](Tensors& all, Tensor&) { all.erase(kGroup + part); });
  }
};

TEST_F(HostileLowRank, MissingTensors) {
  for (const char* part : {".u", ".v", ".u_scale", ".u_size", ".v_scale", ".mean", ".center_bias"})
    expect_refused_without(part);
}

TEST_F(HostileLowRank, TensorsThatNobodyReads) {
  const auto add = [](Tensors&, Tensor& tensor) { tensor = {Dtype::f32, {1}, floats({1})}; };
  expect_refused(".V", add);
  expect_refused(".mean", add, {.stacked = true});
}

TEST_F(HostileLowRank, WrongShapes) {
  const auto transposed = [](Tensors&, Tensor& tensor) { std::reverse(tensor.shape.begin(), tensor.shape.end()); };
  for (const char* part : {".u", ".v"}) expect_refused(part, transposed);
  const auto column = [](Tensors&, Tensor& tensor) { tensor.shape.push_back(1); };
  for (const char* part : {".u", ".v", ".u_scale", ".v_scale", ".mean", ".center_bias"}) expect_refused(part, column);
}

TEST_F(HostileLowRank, RanksThatDoNotFit) {
  const auto of_rank = [](Index rank) {
    return [rank](Tensors& all, Tensor&) {
      for (const auto& [part, rows] : {std::pair{".u", Index{96}}, {".v", Index{32}}}) {
        all[kGroup + std::string(part)] = {
            Dtype::i8, {rows, rank}, std::string(static_cast<std::size_t>(rows * rank), 1)};
        const std::vector<float> ones(static_cast<std::size_t>(rank), 1.0F);
        all[kGroup + std::string(part) + "_scale"] = {Dtype::f32, {rank}, floats(ones)};
      }
    };
  };
  expect_refused(".v", of_rank(0));
  expect_refused(".v", of_rank(33));
  expect_refused(".u", [](Tensors& all, Tensor& u) {
    u = {Dtype::i8, {96, 4}, std::string(std::size_t{96} * 4, 1)};
    all[kGroup + std::string(".u_scale")] = {Dtype::f32, {4}, floats({1, 1, 1, 1})};
  });
}

TEST_F(HostileLowRank, WrongNumberFormats) {
  const auto become = [](Dtype dtype) {
    return [dtype](Tensors&, Tensor& tensor) {
      tensor.dtype = dtype;
      tensor.bytes.assign(static_cast<std::size_t>(size_of(dtype)) * tensor.bytes.size(), '\0');
    };
  };
  for (const char* part : {".u", ".v"}) {
    expect_refused(part, become(Dtype::i32));
    expect_refused(part, become(Dtype::f32));
  }
  for (const char* part : {".u_scale", ".mean", ".center_bias"}) {
    expect_refused(part, [](Tensors&, Tensor& tensor) {
      const Index elements = tensor.shape[0];
      tensor = {Dtype::i8, {elements}, std::string(static_cast<std::size_t>(elements), 1)};
    });
  }
}

TEST_F(HostileLowRank, NumbersThatAreNotFinite) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const char* part : {".u_scale", ".u_size", ".v_scale", ".mean", ".center_bias"}) {
      expect_refused(part, [bad](Tensors&, Tensor& tensor) {
        std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]), 0.5F);
        values.back() = bad;
        tensor = {Dtype::f32, tensor.shape, floats(values)};
      });
    }
  }
  const auto nan = [](Tensors&, Tensor& tensor) { std::memcpy(tensor.bytes.data(), "\x01\x7E", 2); };  // fp16
  for (const char* part : {".u", ".v"}) expect_refused(part, nan, {.stacked = true});
}

TEST_F(HostileLowRank, ScalesThatOverflowWithTheirCodes) {
  expect_refused(".v_scale", [](Tensors&, Tensor& tensor) { tensor = {Dtype::f32, {5}, floats({1, 1, 3e37F, 1, 1})}; });
}

TEST_F(HostileLowRank, SizesThatAreNotAboveZero) {
  expect_refused(".u_size", [](Tensors&, Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]), 1.0F);
    values.back() = 0;
    tensor = {Dtype::f32, tensor.shape, floats(values)};
  });
}

TEST_F(HostileLowRank, AFormatThatContradictsItself) {
  const std::vector<std::pair<const char*, bool>> changes{{"adapter", true}, {"native", false}, {"stacked", false}};
  for (const auto& [key, value] : changes) {
    const SolvedModel model(kAll);
    model.write();
    nlohmann::json config = nlohmann::json::parse(file_bytes(model.output() / "config.json"));
    config["quantization_config"]["lrc"][key] = value;
    write_file(model.output() / "config.json", config.dump());
    EXPECT_THROW(read_model(model.output()), InputError) << key;
  }
}

}  // namespace
}  // namespace lrc
