// A file name from anybody: no patch name, or one that is written back as the very same bytes.
#include <cstdlib>
#include <string_view>

#include "scene.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto name = edgeseg::parse_patch_name(text);
  if (name && (edgeseg::format(*name) != text || name->scene.find('/') != std::string::npos)) std::abort();
  return 0;
}
