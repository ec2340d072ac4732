#include <dlfcn.h>
#include <tensorflow/lite/c/c_api.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "edgetpu.h"
#include "engine.h"
#include "errors.h"

namespace edgeseg {
namespace {

constexpr char kLibrary[] = "libtensorflowlite_c.so";

// TF Lite's C functions, found at run time: one program serves any version (2.5.0 on the board, 2.9.0 prebuilt, ...), and its absence is a
// message instead of a loader error. Only types come from its headers. Never closed, as libedgetpu is not.
struct Api {
#define EDGESEG_FUNCTION(name) decltype(&::TfLite##name) name
  EDGESEG_FUNCTION(Version);
  EDGESEG_FUNCTION(ModelCreate);
  EDGESEG_FUNCTION(ModelDelete);
  EDGESEG_FUNCTION(InterpreterOptionsCreate);
  EDGESEG_FUNCTION(InterpreterOptionsDelete);
  EDGESEG_FUNCTION(InterpreterOptionsSetNumThreads);
  EDGESEG_FUNCTION(InterpreterOptionsAddDelegate);
  EDGESEG_FUNCTION(InterpreterOptionsSetErrorReporter);
  EDGESEG_FUNCTION(InterpreterCreate);
  EDGESEG_FUNCTION(InterpreterDelete);
  EDGESEG_FUNCTION(InterpreterGetInputTensorCount);
  EDGESEG_FUNCTION(InterpreterGetInputTensor);
  EDGESEG_FUNCTION(InterpreterGetOutputTensorCount);
  EDGESEG_FUNCTION(InterpreterGetOutputTensor);
  EDGESEG_FUNCTION(InterpreterAllocateTensors);
  EDGESEG_FUNCTION(InterpreterInvoke);
  EDGESEG_FUNCTION(TensorType);
  EDGESEG_FUNCTION(TensorNumDims);
  EDGESEG_FUNCTION(TensorDim);
  EDGESEG_FUNCTION(TensorByteSize);
  EDGESEG_FUNCTION(TensorQuantizationParams);
  EDGESEG_FUNCTION(TensorCopyFromBuffer);
  EDGESEG_FUNCTION(TensorCopyToBuffer);
#undef EDGESEG_FUNCTION
};

Api load_api() {
  std::error_code unknown;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / kLibrary;
  void* library = ::dlopen(std::filesystem::exists(beside, unknown) ? beside.c_str() : kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(Exit::missing, "TF Lite cannot be opened (", ::dlerror(), "); put ", kLibrary, " beside this program");
  Api api{};
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) fail(Exit::missing, kLibrary, " has no function ", name, ": it is not TF Lite 2.5 or newer");
  };
#define EDGESEG_FIND(name) find(api.name, "TfLite" #name)
  EDGESEG_FIND(Version);
  EDGESEG_FIND(ModelCreate);
  EDGESEG_FIND(ModelDelete);
  EDGESEG_FIND(InterpreterOptionsCreate);
  EDGESEG_FIND(InterpreterOptionsDelete);
  EDGESEG_FIND(InterpreterOptionsSetNumThreads);
  EDGESEG_FIND(InterpreterOptionsAddDelegate);
  EDGESEG_FIND(InterpreterOptionsSetErrorReporter);
  EDGESEG_FIND(InterpreterCreate);
  EDGESEG_FIND(InterpreterDelete);
  EDGESEG_FIND(InterpreterGetInputTensorCount);
  EDGESEG_FIND(InterpreterGetInputTensor);
  EDGESEG_FIND(InterpreterGetOutputTensorCount);
  EDGESEG_FIND(InterpreterGetOutputTensor);
  EDGESEG_FIND(InterpreterAllocateTensors);
  EDGESEG_FIND(InterpreterInvoke);
  EDGESEG_FIND(TensorType);
  EDGESEG_FIND(TensorNumDims);
  EDGESEG_FIND(TensorDim);
  EDGESEG_FIND(TensorByteSize);
  EDGESEG_FIND(TensorQuantizationParams);
  EDGESEG_FIND(TensorCopyFromBuffer);
  EDGESEG_FIND(TensorCopyToBuffer);
#undef EDGESEG_FIND
  return api;
}

// Whether the version text "major.minor..." is at least major.minor.
bool at_least(std::string_view version, int major, int minor) {
  int found[2] = {0, 0};
  const char* end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, found[0]);
  if (first.ptr != end && *first.ptr == '.') std::from_chars(first.ptr + 1, end, found[1]);
  return found[0] > major || (found[0] == major && found[1] >= minor);
}

void check_pair(const EdgeTpu& tpu, const std::string& tflite, const ModelFile& model) {
  // With 2.10 the registration that a delegate hands over by value grew, with 2.12 the delegate itself; a libedgetpu built before lays out
  // the old ones, and TF Lite reads past their ends: by chance a crash before 2.12, always from then on (docs/device.md).
  if (tpu.stock() && at_least(tflite, 2, 10))
    fail(Exit::missing, "TF Lite ", tflite, " crashes with this libedgetpu (", tpu.version(),
         "), which needs TF Lite older than 2.10; use the one that comes with edgeseg");
  if (const auto has = tpu.runtime(); has && model.runtime_needed && *has < *model.runtime_needed)
    fail(Exit::missing, model.path.string(), ": wants Edge TPU runtime ", *model.runtime_needed, ", libedgetpu here has ", *has,
         "; upgrade libedgetpu, or compile with --min_runtime_version ", *has);
}

class TfLiteEngine final : public Engine {
 public:
  TfLiteEngine(const ModelFile& model, const Device& device, int threads, Versions* versions) : api_(load_api()), device_(device) {
    versions->tflite = api_.Version();
    if (device.kind != DeviceKind::cpu) {
      const EdgeTpu tpu;
      versions->edgetpu = tpu.version();
      check_pair(tpu, versions->tflite, model);
      delegate_ = tpu.open(device);
    }
    model_ = {api_.ModelCreate(model.data.data(), model.data.size()), api_.ModelDelete};
    if (!model_) fail(Exit::data, model.path.string(), ": TF Lite ", versions->tflite, " cannot read this model");
    const Owner<TfLiteInterpreterOptions> options(api_.InterpreterOptionsCreate(), api_.InterpreterOptionsDelete);
    api_.InterpreterOptionsSetNumThreads(options.get(), threads);
    api_.InterpreterOptionsSetErrorReporter(options.get(), &TfLiteEngine::note, this);
    if (delegate_) api_.InterpreterOptionsAddDelegate(options.get(), delegate_.get());
    interpreter_ = {api_.InterpreterCreate(model_.get(), options.get()), api_.InterpreterDelete};
    if (!interpreter_ || api_.InterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk) {
      const char* what = delegate_ ? "the Edge TPU refused it" : "TF Lite cannot run it";
      fail(delegate_ ? Exit::missing : Exit::data, model.path.string(), ": ", what, " (", said(), "; TF Lite ", versions->tflite, ")");
    }
    read_spec(model.path.string());
  }

  const ModelSpec& spec() const override { return spec_; }

  void invoke(const uint8_t* input, uint8_t* output) override {
    said_.clear();
    if (api_.TensorCopyFromBuffer(input_, input, spec_.input_bytes()) != kTfLiteOk ||
        api_.InterpreterInvoke(interpreter_.get()) != kTfLiteOk ||
        api_.TensorCopyToBuffer(output_, output, spec_.output_bytes()) != kTfLiteOk)
      fail(Exit::missing, device_.kind == DeviceKind::cpu ? "TF Lite" : "the Edge TPU " + format(device_), " failed (", said(), ")");
  }

 private:
  template <class T>
  using Owner = std::unique_ptr<T, void (*)(T*)>;

  // TF Lite's messages end up in ours instead of on stderr; only the first few, for a model may have thousands of bad nodes.
  static void note(void* self, const char* format, va_list arguments) {
    char line[512];
    std::vsnprintf(line, sizeof line, format, arguments);
    auto& said = static_cast<TfLiteEngine*>(self)->said_;
    if (said.size() < 1000) said += (said.empty() ? "" : " ") + std::string(line);
  }
  std::string said() const {
    std::string line = said_.empty() ? "no reason given" : said_;
    for (char& c : line)
      if (c == '\n') c = ' ';
    return line;
  }

  void read_spec(const std::string& path) {
    const int inputs = api_.InterpreterGetInputTensorCount(interpreter_.get()),
              outputs = api_.InterpreterGetOutputTensorCount(interpreter_.get());
    if (inputs != 1 || outputs != 1)
      fail(Exit::usage, path, ": has ", inputs, " inputs and ", outputs, " outputs; a segmentation model has one of each");
    input_ = api_.InterpreterGetInputTensor(interpreter_.get(), 0);
    output_ = api_.InterpreterGetOutputTensor(interpreter_.get(), 0);
    read_tensor(path, "input", input_, &spec_.side, &spec_.bands, &spec_.input);
    read_tensor(path, "output", output_, &spec_.out_side, &spec_.classes, &spec_.output);
  }

  void read_tensor(const std::string& path, const char* which, const TfLiteTensor* tensor, size_t* side, size_t* channels,
                   Quantization* q) const {
    const TfLiteType type = api_.TensorType(tensor);
    if (type != kTfLiteInt8 && type != kTfLiteUInt8)
      fail(Exit::usage, path, ": its ", which, " is ", type == kTfLiteFloat32 ? "float32" : cat("of type ", type),
           ", not int8 or uint8; give the quantized model (int8.tflite or its compiled twin)");
    std::string shape;
    std::vector<int> dims;
    for (int i = 0; i < api_.TensorNumDims(tensor); ++i) {
      dims.push_back(api_.TensorDim(tensor, i));
      shape += cat(i > 0 ? " x " : "", dims.back());
    }
    if (dims.size() != 4 || dims[0] != 1 || dims[1] != dims[2] || dims[1] < 1 || dims[3] < 1)
      fail(Exit::usage, path, ": its ", which, " is ", shape, ", not one square image (1 x side x side x channels)");
    *side = static_cast<size_t>(dims[1]);
    *channels = static_cast<size_t>(dims[3]);
    if (api_.TensorByteSize(tensor) != *side * *side * *channels)
      fail(Exit::bug, path, ": the ", which, "'s size does not fit its shape ", shape);
    const TfLiteQuantizationParams found = api_.TensorQuantizationParams(tensor);
    if (!(found.scale > 0)) fail(Exit::data, path, ": its ", which, " has no scale; convert it again");
    *q = {found.scale, found.zero_point, type == kTfLiteInt8 ? -128 : 0, type == kTfLiteInt8 ? 127 : 255};
  }

  const Api api_;
  const Device device_;
  std::string said_;
  // Members go in reverse order, also when the constructor throws: interpreter, delegate, model. The delegate must outlive the interpreter,
  // whose end tells the delegate's kernels to let go of the device; the model's bytes are read by both.
  Owner<TfLiteModel> model_{nullptr, nullptr};
  Delegate delegate_{nullptr, nullptr};
  Owner<TfLiteInterpreter> interpreter_{nullptr, nullptr};
  TfLiteTensor* input_ = nullptr;
  const TfLiteTensor* output_ = nullptr;
  ModelSpec spec_{};
};

}  // namespace

Device parse_device(const std::string& text) {
  if (text == "cpu") return {};
  for (const auto& [kind, prefix] : {std::pair{DeviceKind::usb, std::string_view("usb:")}, {DeviceKind::pci, std::string_view("pci:")}}) {
    if (text.compare(0, prefix.size(), prefix) != 0) continue;
    unsigned number = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + prefix.size(), end, number);
    if (read.ec == std::errc{} && read.ptr == end) return {kind, number};
  }
  fail(Exit::usage, "--device ", text, ": there are cpu, usb:N and pci:N, for example usb:0");
}

std::string format(const Device& device) {
  return device.kind == DeviceKind::cpu ? "cpu" : cat(device.kind == DeviceKind::usb ? "usb:" : "pci:", device.number);
}

std::unique_ptr<Engine> open_engine(const ModelFile& model, const Device& device, int threads, Versions* versions) {
  if (device.kind == DeviceKind::cpu && model.compiled)
    fail(Exit::usage, model.path.string(),
         ": is compiled for the Edge TPU and cannot run on the processor; give int8.tflite, or --device usb:0");
  if (device.kind != DeviceKind::cpu && !model.compiled)
    fail(Exit::usage, model.path.string(), ": is not compiled for the Edge TPU; give int8_edgetpu.tflite, or --device cpu");
  return std::make_unique<TfLiteEngine>(model, device, threads, versions);
}

}  // namespace edgeseg
