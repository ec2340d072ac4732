// A stand-in for libedgetpu.so.1, for tests: same C functions, a delegate that takes `edgetpu-custom-op` and computes something simple.
// It aborts where the real one would crash: a delegate freed while an interpreter still uses it, or still there when the process ends.
//
// FAKE_EDGETPU holds words, separated by commas, that make it misbehave:
//   none            no device                       refuse          no delegate
//   reject          the delegate takes no model     version=TEXT    another version text ('/' stands for ',')
//   vanish=N        Invoke fails from the Nth on    hang=N          the Nth Invoke never returns
//   wrong=N         the Nth Invoke and those after it give wrong bytes until the model is loaded afresh; always=1: for ever
//   slow=MS         every Invoke takes so many milliseconds
#include <tensorflow/lite/c/common.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

int delegates = 0, kernels = 0, invokes = 0;
bool sick = false;

std::string setting(const std::string& name) {
  const char* all = std::getenv("FAKE_EDGETPU");
  const std::string text = all == nullptr ? "" : std::string(",") + all + ",";
  const size_t found = text.find("," + name + "=");
  if (found == std::string::npos) return text.find("," + name + ",") == std::string::npos ? "" : "yes";
  const size_t from = found + name.size() + 2;
  std::string value = text.substr(from, text.find(',', from) - from);
  for (char& c : value)
    if (c == '/') c = ',';
  return value;
}
int number(const std::string& name) { return std::atoi(setting(name).c_str()); }

// What lies behind the delegate is no address: a TF Lite whose struct has one member more (from 2.12 on) crashes on it.
struct Guarded {
  TfLiteDelegate delegate{};
  const void* behind[4] = {kNowhere, kNowhere, kNowhere, kNowhere};
  static inline void* const kNowhere = reinterpret_cast<void*>(0xdeadULL << 48);
};

[[noreturn]] void broken(const char* what) {
  std::fprintf(stderr, "fake_edgetpu: %s\n", what);
  std::abort();
}

void* init(TfLiteContext*, const char*, size_t) {
  ++kernels;
  sick = false;
  return &kernels;
}
void release(TfLiteContext*, void*) { --kernels; }
TfLiteStatus prepare(TfLiteContext*, TfLiteNode*) { return kTfLiteOk; }

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  if (delegates == 0) broken("Invoke after the delegate was freed");
  ++invokes;
  if (invokes == number("hang"))
    for (;;) ::pause();
  if (number("vanish") > 0 && invokes >= number("vanish")) {
    context->ReportError(context, "USB transfer error 5 [LibUsbDataOut]");
    return kTfLiteError;
  }
  if (invokes == number("wrong")) sick = true;
  if (const int slow = number("slow")) std::this_thread::sleep_for(std::chrono::milliseconds(slow));
  const TfLiteTensor& in = context->tensors[node->inputs->data[0]];
  const TfLiteTensor& out = context->tensors[node->outputs->data[0]];
  const int channels = in.dims->data[3], classes = out.dims->data[3];
  // Every class gets the pixel's first band, one step more per class.
  for (size_t pixel = 0; pixel * static_cast<size_t>(classes) < out.bytes; ++pixel)
    for (int k = 0; k < classes; ++k) {
      const int value = in.data.int8[pixel * static_cast<size_t>(channels)] + k;
      out.data.int8[pixel * static_cast<size_t>(classes) + static_cast<size_t>(k)] =
          static_cast<int8_t>((value > 127 ? 127 : value) ^ (sick || !setting("always").empty() ? 1 : 0));
    }
  return kTfLiteOk;
}

TfLiteStatus prepare_delegate(TfLiteContext* context, TfLiteDelegate* delegate) {
  if (!setting("reject").empty()) {
    context->ReportError(context,
                         "Failed precondition: Package requires runtime version (14), which is newer than this runtime version (13).");
    return kTfLiteError;
  }
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  TfLiteRegistration kernel{};
  kernel.init = init;
  kernel.free = release;
  kernel.prepare = prepare;
  kernel.invoke = invoke;
  kernel.custom_name = "EdgeTpuDelegateForCustomOp";
  kernel.version = 1;
  TfLiteIntArray* ours = static_cast<TfLiteIntArray*>(std::malloc(sizeof(int) * static_cast<size_t>(plan->size + 1)));
  ours->size = 0;
  for (int i = 0; i < plan->size; ++i) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    context->GetNodeAndRegistration(context, plan->data[i], &node, &registration);
    if (registration->custom_name != nullptr && std::strcmp(registration->custom_name, "edgetpu-custom-op") == 0)
      ours->data[ours->size++] = plan->data[i];
  }
  const TfLiteStatus done = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, ours, delegate);
  std::free(ours);
  return done;
}

// Runs when the process ends in the ordinary way, after main has returned.
__attribute__((destructor)) void at_exit() {
  if (delegates != 0) broken("the process ended without freeing the delegate");
}

}  // namespace

extern "C" {

struct edgetpu_device {
  int type;
  const char* path;
};

__attribute__((visibility("default"))) edgetpu_device* edgetpu_list_devices(size_t* count) {
  *count = setting("none").empty() ? 1 : 0;
  if (*count == 0) return nullptr;
  auto* list = static_cast<edgetpu_device*>(std::malloc(sizeof(edgetpu_device)));
  *list = {1, "/sys/bus/usb/devices/1-1"};
  return list;
}
__attribute__((visibility("default"))) void edgetpu_free_devices(edgetpu_device* list) { std::free(list); }

__attribute__((visibility("default"))) TfLiteDelegate* edgetpu_create_delegate(int, const char*, const void*, size_t) {
  if (!setting("refuse").empty()) return nullptr;
  if (delegates != 0) broken("the device was opened twice");
  ++delegates;
  auto* delegate = &(new Guarded{})->delegate;
  delegate->Prepare = prepare_delegate;
  delegate->flags = kTfLiteDelegateFlagsAllowDynamicTensors;  // as libedgetpu does: without it TF Lite refuses the unknown operator first
  return delegate;
}

__attribute__((visibility("default"))) void edgetpu_free_delegate(TfLiteDelegate* delegate) {
  if (kernels != 0) broken("the delegate was freed before the interpreter that uses it");
  --delegates;
  delete reinterpret_cast<Guarded*>(delegate);
}

// The same through the functions by which TF Lite's Python package loads a delegate. NULL may be given back: that is how it reports a refusal.
__attribute__((visibility("default"))) TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                                                                     void (*)(const char*)) {
  const bool first = count == 1 && std::strcmp(keys[0], "device") == 0 && std::strcmp(values[0], "usb:0") == 0;
  return first ? edgetpu_create_delegate(1, nullptr, nullptr, 0) : nullptr;
}
__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) {
  if (delegate != nullptr) edgetpu_free_delegate(delegate);
}

__attribute__((visibility("default"))) const char* edgetpu_version() {
  static const std::string text = setting("version").empty()
                                      ? "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"
                                      : setting("version");
  return text.c_str();
}
}
