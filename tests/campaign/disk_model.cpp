#include "disk_model.hpp"

#include <filesystem>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

constexpr std::size_t kSector = 512;

void put(std::map<std::string, int>& entries, const std::string& name, const std::string& from, int node) {
  if (!from.empty()) entries.erase(from);
  if (node >= 0) {
    entries[name] = node;
  } else {
    entries.erase(name);
  }
}

}  // namespace

DiskModel::DiskModel() {
  nodes_.push_back({.is_directory = true,
                    .bytes = {},
                    .durable_bytes = {},
                    .changes = {},
                    .entries = {},
                    .durable_entries = {},
                    .renamings = {}});
}

int DiskModel::find(const std::string& path) const {
  int node = 0;
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "." || part.empty()) continue;
    const auto& entries = nodes_[static_cast<std::size_t>(node)].entries;
    const auto entry = entries.find(part);
    if (entry == entries.end()) return -1;
    node = entry->second;
  }
  return node;
}

std::pair<int, std::string> DiskModel::parent_and_name(const std::string& path) const {
  const std::filesystem::path whole(path);
  const int parent = find(whole.parent_path());
  if (parent < 0) throw Error(path + ": its directory is not in the model");
  return {parent, whole.filename()};
}

void DiskModel::rename_entry(const std::string& path, const std::string& from, int node) {
  const auto [parent, name] = parent_and_name(path);
  const std::string old = from.empty() ? "" : parent_and_name(from).second;
  Node& directory = nodes_[static_cast<std::size_t>(parent)];
  put(directory.entries, name, old, node);
  directory.renamings.push_back({name, old, node});
}

int DiskModel::make(bool is_directory, const std::string& path) {
  nodes_.push_back({.is_directory = is_directory,
                    .bytes = {},
                    .durable_bytes = {},
                    .changes = {},
                    .entries = {},
                    .durable_entries = {},
                    .renamings = {}});
  const int node = static_cast<int>(nodes_.size()) - 1;
  rename_entry(path, "", node);
  return node;
}

void DiskModel::change(std::string& bytes, const Change& change) {
  if (change.truncates) return bytes.resize(change.offset);
  if (bytes.size() < change.offset + change.data.size()) bytes.resize(change.offset + change.data.size());
  bytes.replace(change.offset, change.data.size(), change.data);
}

void DiskModel::change_partly(std::string& bytes, const Change& whole, std::mt19937_64& random) {
  if (whole.truncates) return change(bytes, whole);
  for (std::size_t at = 0; at < whole.data.size();) {
    const std::size_t end =
        std::min(whole.data.size(), (whole.offset + at) / kSector * kSector + kSector - whole.offset);
    if (random() % 2 == 0) change(bytes, {false, whole.offset + at, whole.data.substr(at, end - at)});
    at = end;
  }
}

void DiskModel::apply(const Operation& operation) {
  const int there = find(operation.path);
  switch (operation.kind) {
    case OperationKind::mkdir:
      make(true, operation.path);
      return;
    case OperationKind::open:
      if (there < 0) make(false, operation.path);
      if (there >= 0 && operation.offset == 0) apply({OperationKind::truncate, operation.path, {}, 0, {}});
      return;
    case OperationKind::write:
    case OperationKind::truncate: {
      Node& file = nodes_.at(static_cast<std::size_t>(there));
      file.changes.push_back({operation.kind == OperationKind::truncate, operation.offset, operation.data});
      return change(file.bytes, file.changes.back());
    }
    case OperationKind::sync: {
      Node& node = nodes_.at(static_cast<std::size_t>(there));
      node.durable_bytes = node.bytes;
      node.durable_entries = node.entries;
      node.changes.clear();
      return node.renamings.clear();
    }
    case OperationKind::rename:
      return rename_entry(operation.other, operation.path, there);
    case OperationKind::link:
      return rename_entry(operation.other, "", there);
    case OperationKind::unlink:
      return rename_entry(operation.path, "", -1);
    case OperationKind::close:
    case OperationKind::read:
      return;
  }
}

Tree DiskModel::now() const {
  Tree tree;
  collect(0, "", tree);
  return tree;
}

Tree DiskModel::after_power_loss(std::mt19937_64& random) const {
  Tree tree;
  collect_lost(0, "", tree, random);
  return tree;
}

void DiskModel::collect(int number, const std::string& path, Tree& tree) const {
  const Node& node = nodes_[static_cast<std::size_t>(number)];
  if (!node.is_directory) {
    tree[path] = node.bytes;
    return;
  }
  if (!path.empty()) tree[path + "/"];
  for (const auto& [name, entry] : node.entries) collect(entry, path.empty() ? name : path + "/" + name, tree);
}

void DiskModel::collect_lost(int number, const std::string& path, Tree& tree, std::mt19937_64& random) const {
  const Node& node = nodes_[static_cast<std::size_t>(number)];
  if (!node.is_directory) {
    std::string bytes = node.durable_bytes;
    for (const Change& written : node.changes) {
      const auto fate = random() % 3;  // kept, torn or dropped
      if (fate == 0) change(bytes, written);
      if (fate == 1) change_partly(bytes, written, random);
    }
    tree[path] = bytes;
    return;
  }
  if (!path.empty()) tree[path + "/"];
  std::map<std::string, int> entries = node.durable_entries;
  for (const Renaming& renaming : node.renamings) {
    if (random() % 2 == 0) put(entries, renaming.name, renaming.from, renaming.node);
  }
  for (const auto& [name, entry] : entries) collect_lost(entry, path.empty() ? name : path + "/" + name, tree, random);
}

}  // namespace lrc
