// A patch file from anybody, with the first bytes choosing sizes and types: prepared within bounds, or an Error.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "errors.h"
#include "prepare.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size < 8) return 0;
  edgeseg::SceneSpec scene{};
  scene.id = "fuzz";
  scene.rows = scene.columns = 1;
  scene.side = scene.source_side = data[0] % 16 + 1u;
  scene.bands = data[1] % 5 + 1u;
  scene.dtype = data[2] % 2 != 0 ? edgeseg::DType::uint16 : edgeseg::DType::float32;
  scene.scale = static_cast<float>(data[3] + 1) / 65535.0F;
  const size_t side = data[4] % scene.side + 1u;
  const edgeseg::Quantization q{static_cast<float>(data[5] + 1) / 4096.0F, static_cast<int8_t>(data[6]), data[7] % 2 != 0 ? -128 : 0,
                                data[7] % 2 != 0 ? 127 : 255};
  edgeseg::Bytes patch(scene.patch_bytes());
  std::memcpy(patch.data(), data + 8, std::min(size - 8, patch.size()));
  edgeseg::Bytes input(side * side * scene.bands);
  try {
    edgeseg::Preparer(scene, side, q)(patch.data(), "fuzz.bin", input.data());
  } catch (const edgeseg::Error& error) {
    if (error.code != edgeseg::Exit::data || scene.dtype != edgeseg::DType::float32) std::abort();
  }
  return 0;
}
