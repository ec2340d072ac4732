// The one interface through which a model runs, whatever runs it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "files.h"
#include "quantize.h"

namespace edgeseg {

enum class DeviceKind { cpu, usb, pci };
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  unsigned number = 0;  // of that kind, as libedgetpu lists them
};
// "cpu", "usb:0", "pci:1", ... Error(usage) otherwise.
Device parse_device(const std::string& text);
std::string format(const Device& device);

// What a segmentation model takes and gives: square images of int8 or uint8, batch 1.
struct ModelSpec {
  size_t side, bands;        // of the input
  size_t out_side, classes;  // of the output
  Quantization input, output;
  size_t input_bytes() const { return side * side * bands; }
  size_t output_bytes() const { return out_side * out_side * classes; }
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const ModelSpec& spec() const = 0;
  // Runs `input` (spec().input_bytes() bytes) and fills `output` (spec().output_bytes()). Error(missing) where the device fails.
  virtual void invoke(const uint8_t* input, uint8_t* output) = 0;
};

// A model file in memory, and what its bytes say about the Edge TPU.
struct ModelFile {
  std::filesystem::path path;
  Bytes data;
  bool compiled = false;              // carries code for the Edge TPU
  std::optional<int> runtime_needed;  // lowest libedgetpu runtime, where the file tells
  uint32_t crc32 = 0;                 // to know the model again
};
// Error(usage) where there is no such file, Error(data) where it is no TF Lite model.
ModelFile read_model(const std::filesystem::path& path);

struct Versions {
  std::string tflite, edgetpu;  // the latter empty without an Edge TPU
};

// TF Lite, opened at run time from beside the program (else from where the system finds it), and with it libedgetpu where `device` asks for
// it. `threads`: of TF Lite on the processor. `model` must outlive the engine. Error(missing), Error(usage), Error(data).
std::unique_ptr<Engine> open_engine(const ModelFile& model, const Device& device, int threads, Versions* versions);

}  // namespace edgeseg
