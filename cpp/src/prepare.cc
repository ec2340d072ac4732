#include "prepare.h"

#include <cmath>
#include <cstring>

#include "errors.h"

namespace edgeseg {
namespace {
// Patches are little-endian; so is every target (aarch64 and x86-64 Linux).
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "patches are read as they lie in memory");

template <class T>
T at(const uint8_t* data, size_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}
}  // namespace

Preparer::Preparer(const SceneSpec& scene, size_t side, Quantization q)
    : scene_(scene), side_(side), q_(q), resize_(scene.side, side, scene.bands) {
  if (side != scene.side || scene.dtype != DType::uint16) return;
  for (int stored = 0; stored < 65536; ++stored) table_.push_back(byte(static_cast<float>(stored - scene.zero_point)));
}

void Preparer::operator()(const uint8_t* patch, const std::string& name, uint8_t* input) const {
  const size_t count = scene_.values();
  if (scene_.dtype == DType::float32) {
    for (size_t i = 0; i < count; ++i)
      if (!std::isfinite(at<float>(patch, i))) fail(Exit::data, name, ": value ", i, " is not a finite number");
  }
  if (side_ != scene_.side) return resized(patch, input);
  if (scene_.dtype == DType::uint16) {
    for (size_t i = 0; i < count; ++i) input[i] = table_[at<uint16_t>(patch, i)];
  } else {
    for (size_t i = 0; i < count; ++i) input[i] = byte(at<float>(patch, i));
  }
}

// Stored values are resized before they are scaled, as the Python side does it: halving uint16 is then exact.
void Preparer::resized(const uint8_t* patch, uint8_t* input) const {
  const size_t width = size_t{scene_.side} * scene_.bands, out = side_ * scene_.bands;
  std::vector<float> line(width);
  const auto row = [&](size_t y) {
    if (scene_.dtype == DType::uint16) {
      for (size_t i = 0; i < width; ++i) line[i] = static_cast<float>(at<uint16_t>(patch, y * width + i) - scene_.zero_point);
    } else {
      std::memcpy(line.data(), patch + y * width * sizeof(float), width * sizeof(float));
    }
    return line.data();
  };
  resize_(row, [&](size_t y, const float* values) {
    for (size_t i = 0; i < out; ++i) input[y * out + i] = byte(values[i]);
  });
}

}  // namespace edgeseg
