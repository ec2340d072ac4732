#include "edgetpu.h"

#include <dlfcn.h>

#include <charconv>
#include <vector>

#include "errors.h"

namespace edgeseg {
namespace {

// The C interface of libedgetpu 12 to 16 (edgetpu_c.h): type 0 is a PCI device, 1 a USB one.
struct EdgetpuDevice {
  int type;
  const char* path;
};
struct EdgetpuOption {
  const char* name;
  const char* value;
};
constexpr int kPci = 0, kUsb = 1;
constexpr char kLibrary[] = "libedgetpu.so.1";

template <class Function>
Function* find(void* library, const char* name) {
  void* found = ::dlsym(library, name);
  if (found == nullptr)
    fail(Exit::missing, kLibrary, " has no function ", name, ": it is not the Edge TPU runtime; install libedgetpu1-std");
  return reinterpret_cast<Function*>(found);
}

}  // namespace

struct EdgeTpu::Functions {
  EdgetpuDevice* (*list)(size_t*);
  void (*free_list)(EdgetpuDevice*);
  TfLiteDelegate* (*create)(int, const char*, const EdgetpuOption*, size_t);
  void (*free)(TfLiteDelegate*);
};

EdgeTpu::EdgeTpu() {
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    fail(Exit::missing, "the Edge TPU runtime cannot be opened (", ::dlerror(),
         "); install libedgetpu1-std, or give --device cpu with the model that was not compiled");
  functions_ = std::make_shared<const Functions>(
      Functions{find<EdgetpuDevice*(size_t*)>(library, "edgetpu_list_devices"), find<void(EdgetpuDevice*)>(library, "edgetpu_free_devices"),
                find<TfLiteDelegate*(int, const char*, const EdgetpuOption*, size_t)>(library, "edgetpu_create_delegate"),
                find<void(TfLiteDelegate*)>(library, "edgetpu_free_delegate")});
  const char* version = find<const char*()>(library, "edgetpu_version")();
  version_ = version == nullptr ? "" : version;
}

std::optional<int> EdgeTpu::runtime() const {
  constexpr std::string_view kMark = "RuntimeVersion(";
  const size_t found = version_.find(kMark);
  int number = 0;
  if (found == std::string::npos) return std::nullopt;
  const char* from = version_.data() + found + kMark.size();
  if (std::from_chars(from, version_.data() + version_.size(), number).ec != std::errc{}) return std::nullopt;
  return number;
}

bool EdgeTpu::stock() const {
  // Google built its releases with Debian 9's compiler; builds by others, for newer TF Lite, name a newer one.
  return version_.find("COMPILER=6.3.0") != std::string::npos || version_.find("COMPILER=") == std::string::npos;
}

Delegate EdgeTpu::open(const Device& device) const {
  size_t count = 0;
  const std::unique_ptr<EdgetpuDevice, void (*)(EdgetpuDevice*)> list(functions_->list(&count), functions_->free_list);
  std::vector<const EdgetpuDevice*> fitting;
  for (size_t i = 0; list && i < count; ++i)
    if (list.get()[i].type == (device.kind == DeviceKind::usb ? kUsb : kPci)) fitting.push_back(list.get() + i);
  if (device.number >= fitting.size())
    fail(Exit::missing, "no Edge TPU ", format(device), ": ", fitting.size(), " of that kind and ", count,
         " in all are there; check its cable and power, and that this user may open it");
  const EdgetpuDevice& chosen = *fitting[device.number];
  Delegate delegate(functions_->create(chosen.type, chosen.path, nullptr, 0), functions_->free);
  if (!delegate)
    fail(Exit::missing, "the Edge TPU ", format(device), " (", chosen.path,
         ") could not be opened; is another program using it? Unplug it and plug it in again");
  return delegate;
}

}  // namespace edgeseg
