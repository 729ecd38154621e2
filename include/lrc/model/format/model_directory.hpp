// What people name as a model, and what is one: a directory in Hugging Face layout.
#pragma once

#include <filesystem>

namespace lrc {

/// `directory`, where the names of its files are those of a model. Else throws InputError that says what it is instead,
/// and what to do: the name of a model on the hub, a file, an entry of the hub's cache, a directory above the model,
/// a PEFT adapter, weights of another layout.
std::filesystem::path model_directory(const std::filesystem::path& directory);

}  // namespace lrc
