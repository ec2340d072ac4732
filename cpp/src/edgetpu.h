// The Edge TPU's runtime, opened at run time through the C functions that libedgetpu's edgetpu_c.h documents.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine.h"

struct TfLiteDelegate;

namespace edgeseg {

using Delegate = std::unique_ptr<TfLiteDelegate, void (*)(TfLiteDelegate*)>;

class EdgeTpu {
 public:
  // Opens libedgetpu.so.1. It is never closed again: its threads and its delegates' code may still be in use when the last object goes.
  // Error(missing) where it is absent or lacks a function.
  EdgeTpu();
  const std::string& version() const { return version_; }
  // The runtime's number as models ask for it (14 for libedgetpu 16), where the version text holds it.
  std::optional<int> runtime() const;
  // Whether the version text is that of Google's own builds, which were made with TF Lite 2.5.0 or older.
  bool stock() const;
  // A delegate on `device`; it must outlive the interpreter that uses it. Error(missing) where there is no such device or it refuses.
  Delegate open(const Device& device) const;

 private:
  struct Functions;
  std::shared_ptr<const Functions> functions_;
  std::string version_;
};

}  // namespace edgeseg
