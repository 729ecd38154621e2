// make_seeds DIRECTORY DEMO_MODEL: good files for the fuzzers to start from, in DIRECTORY/TARGET.
#include <fmt/core.h>
#include <hdf5.h>
#include <sentencepiece_trainer.h>

#include <nlohmann/json.hpp>

#include "lrc/checkpoint/record_files.hpp"
#include "lrc/core/error.hpp"
#include "lrc/io/safetensors.hpp"
#include "lrc/model/format/quantized_format.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void make_safetensors(const fs::path& directory) {
  SafetensorsWriter writer(directory / "several", {{.name = "a", .dtype = Dtype::bf16, .shape = {2, 3}},
                                                   {.name = "none", .dtype = Dtype::f16, .shape = {0}},
                                                   {.name = "b", .dtype = Dtype::f32, .shape = {}},
                                                   {.name = "c", .dtype = Dtype::u8, .shape = {3}}});
  writer.write(std::vector<float>{1, 2, 3, 4, 5, 6});
  writer.write(std::vector<float>{});
  writer.write(std::vector<float>{0.5F});
  writer.write_bytes(std::vector<std::byte>(3));
  writer.commit();
}

void make_index(const fs::path& directory) {
  const json index = {{"metadata", {{"total_size", 8}}},
                      {"weight_map", {{"x", "a.safetensors"}, {"y", "b.safetensors"}}}};
  write_file(directory / "two", index.dump());
}

void make_config(const fs::path& directory, const fs::path& demo) {
  json config = json::parse(file_bytes(demo / "config.json"));
  write_file(directory / "demo", config.dump());
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  config["layer_types"] = {"full_attention"};
  QuantizedFormat format;
  format.method = "lrc";
  format.has_adapter = true;
  config["quantization_config"] = quantization_config(format);
  write_file(directory / "quantized", config.dump());
}

json tokenizer(const json& normalizer, const json& pre_tokenizer, const json& more) {
  json vocabulary = json::object();
  for (int i = 0; i < 256; ++i) vocabulary[fmt::format("<0x{:02X}>", i)] = i;
  for (const char* token : {"t", "h", "e", "th", "the", "▁", "▁the", "Ġ", "<unk>"})
    vocabulary.emplace(token, vocabulary.size());
  json model = {{"type", "BPE"},        {"vocab", vocabulary}, {"merges", {"t h", json::array({"th", "e"}), "▁ the"}},
                {"unk_token", "<unk>"}, {"fuse_unk", true},    {"byte_fallback", true}};
  model.update(more);
  const auto added = [](int id, const char* content, bool flag) {
    return json{{"id", id},       {"content", content}, {"single_word", flag},
                {"lstrip", flag}, {"rstrip", flag},     {"normalized", flag}};
  };
  return {{"added_tokens", {added(300, "<s>", false), added(301, "year", true)}},
          {"normalizer", normalizer},
          {"pre_tokenizer", pre_tokenizer},
          {"model", model}};
}

void make_tokenizer_json(const fs::path& directory, const fs::path& demo) {
  fs::copy_file(demo / "tokenizer.json", directory / "demo", fs::copy_options::overwrite_existing);
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
  const json form = {{"type", "NFKC"}};
  const json normalizer = {{"type", "Sequence"}, {"normalizers", {prepend, replace, form}}};
  write_file(directory / "normalizer", tokenizer(normalizer, nullptr, {{"ignore_merges", true}}).dump());

  const json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", true}};
  write_file(directory / "metaspace", tokenizer(nullptr, metaspace, {{"byte_fallback", false}}).dump());

  const std::string pattern = R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|[\s\w]+|\W)";
  const json split = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"use_regex", true}};
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const json sequence = {{"type", "Sequence"}, {"pretokenizers", {split, digits, bytes}}};
  write_file(directory / "sequence", tokenizer(nullptr, sequence, {{"unk_token", nullptr}}).dump());
}

void make_tokenizer_model(const fs::path& directory) {
  const TemporaryDirectory work;
  std::string text;
  for (int i = 0; i < 4; ++i) text += "The year 2024 was the one in which the theory was there, it's said.\n";
  write_file(work / "text", text);
  write_file(work / "rules", "41\t61\n61 301\tE1\n");  // A and a with an accent become others: a small table
  for (const char* type : {"bpe", "unigram", "char", "word"}) {
    for (const std::string rules : {"identity", "table"}) {
      std::string arguments = fmt::format(
          "--input={} --model_type={} --vocab_size=300 --hard_vocab_limit=false --byte_fallback --minloglevel=3",
          (work / "text").string(), type);
      arguments += rules == "table" ? " --normalization_rule_tsv=" + (work / "rules").string()
                                    : " --normalization_rule_name=identity";
      std::string model;
      const auto status = sentencepiece::SentencePieceTrainer::Train(arguments, nullptr, &model);
      if (!status.ok()) throw CallError("SentencePieceTrainer::Train", status.ToString());
      write_file(directory / (std::string(type) + "-" + rules), model);
    }
  }
}

void make_npy(const fs::path& directory) {
  for (const auto& [type, bytes, order] :
       {std::tuple("<u2", 2UL, "False"), std::tuple(">i4", 4UL, "True"), std::tuple("=u8", 8UL, "False")}) {
    std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': (2, 3), }}", type, order);
    header.resize(117, ' ');
    write_file(directory / (type + 1),
               std::string("\x93NUMPY\x01\0\x76\0", 10) + header + '\n' + std::string(6 * bytes, '\0'));
  }
}

void make_texts(const fs::path& directory) {
  write_file(directory / "plain", "\xEF\xBB\xBFThe year ß 漢 🎉\r\n");
  write_file(directory / "lines", "\n{\"id\": 1, \"text\": \"the \\u00df\"}\n \r\n{\"text\": \"\"}");
  write_file(directory / "parquet", "PAR1\x15\x04PAR1");
}

// One dataset of 64 tokens; `filters` also puts it into chunks.
void make_h5(const fs::path& path, bool filters, H5F_libver_t version) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_libver_bounds(access, version, H5F_LIBVER_LATEST);
  const hsize_t dimensions[2] = {4, 16}, chunk[2] = {2, 16};
  if (filters) {
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 6);
    H5Pset_fletcher32(creation);
  }
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  const hid_t space = H5Screate_simple(2, dimensions, nullptr);
  const hid_t dataset = H5Dcreate2(file, "tokens", H5T_STD_I32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  const std::vector<int> tokens(64, 7);
  H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tokens.data());
  H5Dclose(dataset);
  H5Fclose(file);
}

void make_all(const fs::path& seeds, const fs::path& demo) {
  const auto in = [&](const char* target) {
    fs::remove_all(seeds / target);
    fs::create_directories(seeds / target);
    return seeds / target;
  };
  make_safetensors(in("safetensors"));
  make_index(in("index"));
  make_config(in("config"), demo);
  make_tokenizer_json(in("tokenizer_json"), demo);
  make_tokenizer_model(in("tokenizer_model"));
  make_npy(in("tokens_npy"));
  make_texts(in("texts"));
  const fs::path h5 = in("tokens_h5");
  make_h5(h5 / "plain", false, H5F_LIBVER_EARLIEST);
  make_h5(h5 / "chunks", true, H5F_LIBVER_EARLIEST);
  make_h5(h5 / "latest", true, H5F_LIBVER_LATEST);
  SolveRecord record{};
  record.name = "a";
  write_record(in("checkpoint") / "solve", record);
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    lrc::make_all(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_seeds: {}\n", error.what());
    return 1;
  }
}
