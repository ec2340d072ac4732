// The command line of both programs, on getopt_long.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "stitch.h"

namespace edgeseg {

// One long option: what its value is called (empty: it takes none) and what to do with it.
struct Option {
  std::string value;
  std::function<void(const std::string&)> set;
};
using Options = std::map<std::string, Option>;

// Reads the command line. Prints `help` and returns false for --help. Error(usage) for an unknown option, a missing value or a stray word.
bool parse(int argc, char** argv, const Options& options, const std::string& help);

// --threshold, --probabilities, --crop and --size, which both programs know.
void add_stitch_options(Options* options, StitchOptions* to);

// A whole number from `least` to `most`; Error(usage) naming `option` otherwise.
uint32_t whole_number(const std::string& option, const std::string& text, uint32_t least, uint32_t most);

// Runs a program's body and turns what it throws into a line on stderr and the exit code.
int guarded(const char* program, const std::function<int()>& body);

// One line on stderr, redrawn in place: "<what> 12 of 529"; on a terminal only, and not more often than ten times a second.
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  void show(size_t done, size_t of);

 private:
  std::string what_;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace edgeseg
