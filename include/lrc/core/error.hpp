// The errors of the program. Each carries what a caller may want to act on; what() names the thing and says what to do.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace lrc {

/// What a program returns to the shell.
enum class ExitCode : int { done = 0, failed = 1, bad_input = 2, interrupted = 75 };

/// Something failed while the work was going on (exit 1); what was committed stays.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode code = ExitCode::failed)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// A file or an option is not usable (exit 2); nothing was started. `subject` is the file, tensor or option.
class InputError : public Error {
 public:
  InputError(std::string subject, const std::string& problem)
      : Error(fmt::format("{}: {}", subject, problem), ExitCode::bad_input), subject_(std::move(subject)) {}
  const std::string& subject() const noexcept { return subject_; }

 private:
  std::string subject_;
};

/// A call of the operating system, MPI, HDF5 or LAPACK failed; `call` names it.
class CallError : public Error {
 public:
  CallError(std::string call, const std::string& problem)
      : Error(fmt::format("{}: {}", call, problem)), call_(std::move(call)) {}
  const std::string& call() const noexcept { return call_; }

 private:
  std::string call_;
};

/// A signal or a time limit asked for an end (exit 75); run again, it goes on.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& why) : Error(why, ExitCode::interrupted) {}
};

}  // namespace lrc
