// Affine quantization as TF Lite defines it, real = scale * (stored - zero point), in the float32 arithmetic of the Python side.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace edgeseg {

struct Quantization {
  float scale;
  int zero_point;
  int lowest, highest;  // of the integer type: -128..127 or 0..255

  // The nearest stored value: ties to even, saturating. `real` must be finite. Equals numpy's clip(rint(x / scale) + zero_point).
  int stored(float real) const {
    const float steps = std::nearbyint(real / scale) + static_cast<float>(zero_point);
    return static_cast<int>(std::fmin(std::fmax(steps, static_cast<float>(lowest)), static_cast<float>(highest)));
  }
  float real(int stored) const { return (static_cast<float>(stored) - static_cast<float>(zero_point)) * scale; }
};

// What each of the 256 bytes of an int8 or uint8 result stands for.
inline std::array<float, 256> real_values(const Quantization& q) {
  std::array<float, 256> table;
  for (int byte = 0; byte < 256; ++byte) table[static_cast<size_t>(byte)] = q.real(q.lowest < 0 ? static_cast<int8_t>(byte) : byte);
  return table;
}

}  // namespace edgeseg
