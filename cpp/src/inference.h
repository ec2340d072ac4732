// What the program `inference` does, after its command line was read.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "engine.h"
#include "stitch.h"

namespace edgeseg {

struct GoldenFiles {
  std::filesystem::path input, output;
};

struct InferenceOptions {
  std::filesystem::path model, scene, out;
  std::optional<Device> device;  // none: usb:0 for a compiled model, else the processor
  int threads = 1;               // of TF Lite on the processor
  bool real = false;             // results as float32 instead of the model's own type
  bool resume = false;
  std::string json;  // where the report goes: a file, "-" for stdout, empty for nowhere
  std::optional<GoldenFiles> golden;
  size_t golden_every = 0;
  std::chrono::seconds invoke_limit{60};
  std::optional<std::filesystem::path> mask;  // stitched after the inference, in the same process
  StitchOptions how;
};

// Runs the model over the scene; see `inference --help`. Returns 0, or 130 where it was interrupted by SIGINT or SIGTERM; throws Error.
int infer(const InferenceOptions& options);

}  // namespace edgeseg
