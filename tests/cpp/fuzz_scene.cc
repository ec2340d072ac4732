// scene.json from anybody: an Error with a message, or a scene within its bounds that survives being written and read again.
#include <cstdlib>
#include <string_view>

#include "errors.h"
#include "scene.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  try {
    const auto scene = edgeseg::parse_scene({reinterpret_cast<const char*>(data), size}, "scene.json");
    if (scene.patches() > 1'000'000 || scene.patch_bytes() > size_t{1} << 28) std::abort();
    const auto again = edgeseg::parse_scene(edgeseg::to_json(scene), "again");
    if (again.file(scene.patches() - 1) != scene.file(scene.patches() - 1) || again.scale != scene.scale ||
        again.zero_point != scene.zero_point)
      std::abort();
  } catch (const edgeseg::Error& error) {
    if (error.code != edgeseg::Exit::data || error.what()[0] == '\0') std::abort();
  }
  return 0;
}
