#include "lrc/pipeline/fingerprint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "lrc/core/log.hpp"
#include "lrc/export/exporter.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/json.hpp"
#include "lrc/linalg/gemm.hpp"

namespace lrc {

std::map<std::string, std::string> hash_copied_files(const Communicator& world, const StoredModel& model) {
  std::string config, tokenizer;
  world.agree([&] {
    if (!world.is_root()) return;
    const std::string said = read_json_of_python(model.directory() / "config.json").dump();
    config = hash_bytes(std::as_bytes(std::span(said)));
    std::string lines;  // "NAME HASH" each
    for (const std::string& name : tokenizer_files(model.directory()))
      lines += fmt::format("{} {}\n", name, hash_file(model.directory() / name));
    tokenizer = hash_bytes(std::as_bytes(std::span(lines)));
  });
  return {{"config.json", world.broadcast(config)}, {"tokenizer files", world.broadcast(tokenizer)}};
}

std::string blas_of_all(const Communicator& world, bool may_differ) {
  const std::vector<std::string> each = world.gather(blas_description());
  std::string all;
  world.agree([&] {
    if (!world.is_root()) return;
    const auto other = std::find_if(each.begin(), each.end(), [&](const auto& one) { return one != each.front(); });
    if (other == each.end()) {
      all = each.front();
      return;
    }
    const std::string difference =
        fmt::format("rank 0 has {}, rank {} has {}", each.front(), other - each.begin(), *other);
    if (!may_differ) {
      throw InputError("BLAS", difference +
                                   "; take nodes of one kind, or set OPENBLAS_CORETYPE alike on all (or "
                                   "--allow-mixed: then the output's last bits depend on who solves what)");
    }
    log_warning("BLAS: " + difference);
    const std::set<std::string> kinds(each.begin(), each.end());
    all = fmt::format("{}", fmt::join(kinds, " and "));
  });
  return world.broadcast(all);
}

}  // namespace lrc
