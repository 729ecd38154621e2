#include "lrc/checkpoint/lease.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <thread>

#include "lrc/checkpoint/owner.hpp"
#include "lrc/core/error.hpp"
#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/io/checked_json.hpp"
#include "lrc/io/directory.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEnded = ".ended";

// The number that the name of a lease, ended or not or still in the making, begins with; 0 for other files.
Index number_of(const fs::path& file) {
  const std::string name = file.filename().string();
  Index number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && (end == name.data() + name.size() || *end == '.') ? number : 0;
}

// The last lease; empty where there is none. Of the same number there is one that has ended and one that has not where
// a job took it and left between another's two looks.
fs::path last_lease(const fs::path& directory) {
  const auto place = [](const fs::path& file) { return std::pair(number_of(file), file.extension() != kEnded); };
  fs::path last;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const fs::path& file = entry.path();
    if (!is_temporary(file) && number_of(file) > 0 && (last.empty() || place(file) > place(last))) last = file;
  }
  return last;
}

// Nobody where the lease is damaged, or gone meanwhile: an owner who must prove to be alive.
Owner owner_of(const fs::path& lease) {
  try {
    const auto content = read_checked_json(lease);
    return content ? owner_from(*content) : Owner{};
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace

struct Lease::Heart {
  std::mutex mutex;
  std::condition_variable stopping;
  bool stop = false;  // guarded by mutex
  std::thread thread;
};

Lease::Lease(fs::path directory, LeaseTiming timing) : directory_(std::move(directory)), timing_(timing) {
  make_directories(directory_);
  for (bool taken = false; !taken;) {
    const fs::path last = last_lease(directory_);
    number_ = last.empty() ? 1 : number_of(last) + 1;
    if (!last.empty() && last.extension() != kEnded) await_end(number_ - 1);
    taken = create_exclusively(directory_ / std::to_string(number_), checked_json_text(to_json(this_owner())));
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_)) {
    if (number_of(entry.path()) < number_) remove_path(entry.path());
  }
  heart_ = std::make_unique<Heart>();
  heart_->thread = std::thread([this] { beat(); });
}

Lease::~Lease() {
  {
    const std::lock_guard lock(heart_->mutex);
    heart_->stop = true;
  }
  heart_->stopping.notify_all();
  heart_->thread.join();
  const fs::path mine = directory_ / std::to_string(number_);
  std::error_code not_there;  // thrown away, or lost to another job
  fs::rename(mine, mine.string() + kEnded, not_there);
}

// Returns when the owner of that lease is dead or has left; throws where it lives.
void Lease::await_end(Index number) {
  const fs::path lease = directory_ / std::to_string(number);
  const Owner owner = owner_of(lease);
  if (is_dead(owner)) {
    takeover_ = describe(owner) + ", is dead";
    return;
  }
  log_info(fmt::format("{} is in use by {}; watching whether it is alive", directory_.parent_path().string(),
                       describe(owner)));
  const auto first = modification_time(lease);
  const auto give_up = std::chrono::steady_clock::now() + timing_.expiry;
  while (std::chrono::steady_clock::now() < give_up) {
    const auto seen = modification_time(lease);
    if (!seen) return;  // it has left
    if (seen != first) {
      throw InputError(
          directory_.parent_path().string(),
          fmt::format("is in use by {}. Wait for its end, or name another checkpoint directory", describe(owner)));
    }
    sleep_interruptibly(std::min(timing_.beat / 4, timing_.expiry / 4));
  }
  takeover_ = fmt::format("{}, gave no sign of life for {:.0f} s", describe(owner),
                          std::chrono::duration<double>(timing_.expiry).count());
}

void Lease::beat() {
  std::unique_lock lock(heart_->mutex);
  while (!heart_->stopping.wait_for(lock, timing_.beat, [this] { return heart_->stop; })) {
    try {
      check();
      touch(directory_ / std::to_string(number_));
    } catch (const std::exception& error) {  // the file system's, too: somebody may remove the directory
      log_warning(error.what());
      return request_interruption("the loss of the checkpoint's lease");
    }
  }
}

void Lease::check() const {
  const fs::path last = last_lease(directory_);
  if (last == directory_ / std::to_string(number_)) return;
  throw Error(fmt::format("{} was taken over by {}: this job had given no sign of life for too long",
                          directory_.parent_path().string(), describe(owner_of(last))));
}

}  // namespace lrc
