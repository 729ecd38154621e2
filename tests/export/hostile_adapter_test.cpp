// A PEFT adapter that does not fit its model is refused when the model is opened.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "export/solved_model.hpp"

namespace lrc {
namespace {

using Shapes = std::map<std::string, std::vector<Index>>;

const std::string kFactors = "base_model.model.model.layers.0.self_attn.q_proj";

// An adapter of the right names and shapes, changed; its values are zero.
void expect_refused(const std::string& named, const std::function<void(Shapes&)>& change) {
  const SolvedModel model({});
  model.write();
  const std::filesystem::path adapter = model.output() / "adapter";
  Shapes shapes;
  const TensorDirectory written(adapter, "adapter_model.safetensors");
  for (const TensorInfo& info : written.tensors()) shapes[info.name] = info.shape;
  change(shapes);
  std::vector<TensorInfo> infos;
  for (const auto& [name, shape] : shapes)
    infos.push_back({.name = name, .dtype = Dtype::f16, .shape = shape, .file = {}});
  SafetensorsWriter writer(adapter / "adapter_model.safetensors", infos);
  for (const TensorInfo& info : infos) writer.write_bytes(std::vector<std::byte>(bytes_of(info)));
  writer.commit();
  try {
    const StoredModel opened(model.output());
    EXPECT_TRUE(named.empty()) << named << " was taken";
  } catch (const InputError& error) {
    EXPECT_FALSE(named.empty()) << error.what();
    EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
  }
}

TEST(HostileAdapter, WithoutAChangeItIsTaken) {
  expect_refused("", [](Shapes&) {});
}

TEST(HostileAdapter, OneFactorWithoutTheOther) {
  for (const std::string part : {".lora_A.weight", ".lora_B.weight"})
    expect_refused(kFactors + part, [&](Shapes& shapes) { shapes.erase(kFactors + part); });
}

TEST(HostileAdapter, ALinearWithoutFactorsHasRankZero) {
  expect_refused("", [](Shapes& shapes) {
    shapes.erase(kFactors + ".lora_A.weight");
    shapes.erase(kFactors + ".lora_B.weight");
  });
}

TEST(HostileAdapter, NamesThatFitNoLinear) {
  expect_refused("q_prog.lora_A.weight", [](Shapes& shapes) {
    shapes["base_model.model.model.layers.0.self_attn.q_prog.lora_A.weight"] = {5, 32};
  });
}

TEST(HostileAdapter, WrongShapes) {
  for (const std::string part : {".lora_A.weight", ".lora_B.weight"}) {
    expect_refused(kFactors + part, [&](Shapes& shapes) { shapes[kFactors + part].push_back(1); });
    expect_refused(kFactors + part, [&](Shapes& shapes) { shapes[kFactors + part][1] += 1; });
  }
  expect_refused(kFactors + ".lora_A.weight", [](Shapes& shapes) { shapes[kFactors + ".lora_A.weight"].clear(); });
}

}  // namespace
}  // namespace lrc
