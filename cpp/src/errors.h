// One error type: a sentence for people and the exit code that goes with it (docs/architecture.md).
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace edgeseg {

enum class Exit : int {
  done = 0,
  bug = 1,
  usage = 2,         // wrong option or a model that does not fit what was asked
  data = 3,          // a scene, patch or result that is missing or damaged
  missing = 4,       // a library, device or disk space that is not there
  gate = 5,          // the golden output is wrong and stays wrong
  timed_out = 6,     // an Invoke outlasted its limit
  interrupted = 130  // SIGINT or SIGTERM; the same command with --resume goes on
};

class Error : public std::runtime_error {
 public:
  Error(Exit exit, const std::string& message) : std::runtime_error(message), code(exit) {}
  const Exit code;
};

// The arguments written one after the other: cat(path, ": ", 3, " bytes").
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(Exit code, const Parts&... parts) {
  throw Error(code, cat(parts...));
}

}  // namespace edgeseg
