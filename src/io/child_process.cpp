#include "lrc/io/child_process.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <span>
#include <string>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/system_call.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

// What the child sends: this, then `count` ids, or a text of `count` bytes that says what is wrong with the file.
struct Answer {
  enum Kind : std::uint64_t { ids, problem } kind;
  std::uint64_t count;
};

bool write_all(int pipe, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(pipe, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

// False where the other end closes before `bytes` is full.
bool read_all(int pipe, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::read(pipe, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

template <class Element>
bool send(int pipe, Answer::Kind kind, std::span<const Element> elements) {
  const Answer answer{kind, elements.size()};
  return write_all(pipe, std::as_bytes(std::span(&answer, 1))) && write_all(pipe, std::as_bytes(elements));
}

void limit(decltype(RLIMIT_AS) resource, std::uint64_t value) {
  rlimit bounds{};
  ::getrlimit(resource, &bounds);
  bounds.rlim_cur = std::min<rlim_t>(value, bounds.rlim_max);
  ::setrlimit(resource, &bounds);
}

std::uint64_t address_space_in_use() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// A crash is to end the child at once, without a word, a core file or the handlers of MPI. What asks the job to end is
// for the parent.
void prepare_to_crash(ChildLimits limits) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGPIPE}) std::signal(signal, SIG_DFL);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  std::atexit([] { ::_exit(EXIT_FAILURE); });  // a library that calls exit() does not get to the handlers before this
  ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  limit(RLIMIT_AS, address_space_in_use() + limits.memory);
}

// "FILE: " is for the parent to put in front.
std::string without(std::string text, const std::string& file) {
  const std::size_t at = text.find(file + ": ");
  return at == std::string::npos ? text : text.erase(at, file.size() + 2);
}

// Empty where `make` returned.
std::string problem_with(const fs::path& file, const char* failure, ChildLimits limits,
                         const std::function<std::vector<std::int32_t>()>& make, std::vector<std::int32_t>& ids) {
  try {
    ids = make();
    return "";
  } catch (const InputError& error) {
    return without(error.what(), file.string());
  } catch (const std::bad_alloc&) {
    return fmt::format("{} (it would take more than {} MiB of memory)", failure, limits.memory >> 20);
  } catch (const std::exception& error) {
    return fmt::format("{} ({})", failure, without(error.what(), file.string()));
  }
}

// Of the two that fork() makes, the one that stays; the other does not outlive it.
class Child {
 public:
  explicit Child(pid_t process) : process_(process) {}
  ~Child() {
    if (process_ == 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int wait(const fs::path& file) {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0) {
      if (errno != EINTR) fail_call("waitpid", file);
    }
    process_ = 0;
    return status;
  }

 private:
  pid_t process_;
};

// False where the child died before it had said all.
bool receive(int pipe, ChildLimits limits, std::vector<std::int32_t>& ids, std::string& problem) {
  Answer answer{};
  if (!read_all(pipe, std::as_writable_bytes(std::span(&answer, 1)))) return false;
  if (answer.count > limits.memory) return false;
  if (answer.kind == Answer::ids) {
    ids.resize(answer.count);
    return read_all(pipe, std::as_writable_bytes(std::span(ids)));
  }
  problem.resize(answer.count);
  return read_all(pipe, std::as_writable_bytes(std::span(problem)));
}

// Of a child that has said nothing.
std::string problem_of_death(const char* failure, int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) return fmt::format("{} (it would take too long)", failure);
  const std::string cause = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status)) : "it gave up";
  return fmt::format("{} ({}); the file is damaged", failure, cause);
}

}  // namespace

std::vector<std::int32_t> ids_from_child(const fs::path& file, const char* failure, ChildLimits limits,
                                         const std::function<std::vector<std::int32_t>()>& make) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) fail_call("pipe", file);
  const FileDescriptor from_child(ends[0]);
  FileDescriptor to_parent(ends[1]);
  std::vector<std::int32_t> ids;
  std::string problem;
  const pid_t process = ::fork();
  if (process < 0) fail_call("fork", file);
  if (process == 0) {
    prepare_to_crash(limits);
    problem = problem_with(file, failure, limits, make, ids);
    const bool sent = problem.empty() ? send(to_parent.get(), Answer::ids, std::span<const std::int32_t>(ids))
                                      : send(to_parent.get(), Answer::problem, std::span<const char>(problem));
    ::_exit(sent ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  Child child(process);
  to_parent.close();
  const bool answered = receive(from_child.get(), limits, ids, problem);
  const int status = child.wait(file);
  if (!answered) problem = problem_of_death(failure, status);
  if (!problem.empty()) throw InputError(file.string(), problem);
  return ids;
}

}  // namespace lrc
