// The operations of a run on its files, as recorded by file_faults.cpp.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace lrc {

enum class OperationKind : std::uint32_t { open, write, truncate, sync, close, rename, link, unlink, mkdir, read };

struct Operation {
  OperationKind kind;
  std::string path;          ///< absolute
  std::string other;         ///< the new name of a rename or a link
  std::uint64_t offset = 0;  ///< of a write; the new size of a truncation; 0 for an open that empties the file
  std::string data;          ///< of a write
};

inline void write_operation(std::FILE* file, const Operation& operation) {
  const std::uint64_t sizes[] = {static_cast<std::uint64_t>(operation.kind), operation.path.size(),
                                 operation.other.size(), operation.offset, operation.data.size()};
  std::fwrite(sizes, sizeof sizes, 1, file);
  for (const std::string* text : {&operation.path, &operation.other, &operation.data})
    std::fwrite(text->data(), 1, text->size(), file);
}

inline std::vector<Operation> read_operations(std::FILE* file) {
  std::vector<Operation> operations;
  for (std::uint64_t sizes[5]; std::fread(sizes, sizeof sizes, 1, file) == 1;) {
    Operation operation{static_cast<OperationKind>(sizes[0]), std::string(sizes[1], 0), std::string(sizes[2], 0),
                        sizes[3], std::string(sizes[4], 0)};
    for (std::string* text : {&operation.path, &operation.other, &operation.data})
      if (std::fread(text->data(), 1, text->size(), file) != text->size()) return operations;
    operations.push_back(std::move(operation));
  }
  return operations;
}

inline const char* name_of(OperationKind kind) {
  constexpr const char* kNames[] = {"open",   "write", "truncate", "sync",  "close",
                                    "rename", "link",  "unlink",   "mkdir", "read"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace lrc
