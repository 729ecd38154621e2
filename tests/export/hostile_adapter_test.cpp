// A PEFT adapter that does not fit its model is refused when the model is opened.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "export/solved_model.hpp"

namespace lrc {
namespace {

using Shapes = std::map<std::string, std::vector<Index>>;

const std::string kFactors = "base_model.model.model.layers.0.self_attn.q_proj";

// What is said of an adapter of the right names and shapes, changed; nothing where it is taken. Its values are zero.
std::string refusal(const std::function<void(Shapes&)>& change) {
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
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const std::string& named, const std::function<void(Shapes&)>& change) {
  const std::string said = refusal(change);
  EXPECT_NE(said.find(named), std::string::npos) << "'" << named << "' is not in: " << said;
}

TEST(HostileAdapter, WithoutAChangeItIsTaken) {
  EXPECT_EQ(refusal([](Shapes&) {}), "");
}

TEST(HostileAdapter, OneFactorWithoutTheOther) {
  for (const std::string part : {".lora_A.weight", ".lora_B.weight"})
    expect_refused(kFactors + part, [&](Shapes& shapes) { shapes.erase(kFactors + part); });
}

TEST(HostileAdapter, ALinearWithoutFactorsHasRankZero) {
  const auto without_both = [](Shapes& shapes) {
    shapes.erase(kFactors + ".lora_A.weight");
    shapes.erase(kFactors + ".lora_B.weight");
  };
  EXPECT_EQ(refusal(without_both), "");
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
