#include "options.h"

#include <getopt.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "errors.h"

namespace edgeseg {

bool parse(int argc, char** argv, const Options& options, const std::string& help) {
  std::vector<std::string> names;
  std::vector<::option> table;
  for (const auto& [name, option] : options) names.push_back(name);
  for (const auto& name : names)
    table.push_back({name.c_str(), options.at(name).value.empty() ? no_argument : required_argument, nullptr, 0});
  table.push_back({"help", no_argument, nullptr, 0});
  table.push_back({nullptr, 0, nullptr, 0});
  ::opterr = 0;
  for (;;) {
    int index = -1;
    const int found = ::getopt_long(argc, argv, ":", table.data(), &index);
    if (found == -1) break;
    if (found == ':') fail(Exit::usage, argv[optind - 1], ": needs a value; see --help");
    if (found != 0 || index < 0) fail(Exit::usage, argv[optind - 1], ": no such option; see --help");
    if (static_cast<size_t>(index) == names.size()) {
      std::fputs(help.c_str(), stdout);
      return false;
    }
    options.at(names[static_cast<size_t>(index)]).set(optarg == nullptr ? "" : optarg);
  }
  if (optind < argc) fail(Exit::usage, argv[optind], ": not an option; see --help");
  return true;
}

uint32_t whole_number(const std::string& option, const std::string& text, uint32_t least, uint32_t most) {
  uint32_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || value < least || value > most)
    fail(Exit::usage, option, " ", text, ": must be a whole number from ", least, " to ", most);
  return value;
}

void add_stitch_options(Options* options, StitchOptions* to) {
  (*options)["threshold"] = {"T", [to](const std::string& text) {
                               char* end = nullptr;
                               to->threshold = std::strtof(text.c_str(), &end);
                               if (text.empty() || *end != '\0' || !(to->threshold >= 0 && to->threshold <= 1))
                                 fail(Exit::usage, "--threshold ", text, ": must be a number from 0 to 1");
                             }};
  (*options)["probabilities"] = {"", [to](const std::string&) { to->probabilities = true; }};
  (*options)["size"] = {"N", [to](const std::string& text) { to->size = whole_number("--size", text, 1, 16'384); }};
  (*options)["crop"] = {"HxW", [to](const std::string& text) {
                          const size_t cross = text.find('x');
                          if (cross == std::string::npos)
                            fail(Exit::usage, "--crop ", text, ": must be height x width, for example 7741x7591");
                          to->crop = Crop{whole_number("--crop", text.substr(0, cross), 1, 1u << 31),
                                          whole_number("--crop", text.substr(cross + 1), 1, 1u << 31)};
                        }};
}

int guarded(const char* program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return static_cast<int>(error.code);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return static_cast<int>(Exit::missing);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: a bug: %s\n", program, error.what());
    return static_cast<int>(Exit::bug);
  }
}

Progress::Progress(std::string what) : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (drawn_) std::fputc('\n', stderr);
}

void Progress::show(size_t done, size_t of) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (done < of && now < next_)) return;
  next_ = now + std::chrono::milliseconds(100);
  std::fprintf(stderr, "\r%s %zu of %zu", what_.c_str(), done, of);
  drawn_ = true;
}

}  // namespace edgeseg
