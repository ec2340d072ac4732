#include "resize.h"

#include <algorithm>
#include <cmath>

namespace edgeseg {
namespace {

// One rounding, as a fused multiply-add gives it, on processors with and without one: the product of two floats is exact in double.
inline float lerp(float first, float second, double part) {
  return static_cast<float>(static_cast<double>(second - first) * part + static_cast<double>(first));
}

}  // namespace

Bilinear::Bilinear(size_t from, size_t to, size_t channels)
    : from_(from), to_(to), channels_(channels), width_(to * channels), halves_(from == 2 * to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  for (size_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * step - 0.5, below = std::floor(centre);
    const auto inside = [&](double at) { return static_cast<size_t>(std::clamp(at, 0.0, static_cast<double>(from - 1))); };
    taps_.push_back({inside(below), inside(below + 1), static_cast<float>(centre - below)});
  }
}

void Bilinear::across(const float* in, float* out) const {
  for (const Tap& tap : taps_) {
    const float* first = in + tap.first * channels_;
    const float* second = in + tap.second * channels_;
    for (size_t c = 0; c < channels_; ++c) *out++ = lerp(first[c], second[c], static_cast<double>(tap.part));
  }
}

void Bilinear::pairs(const float* in, float* out) const {
  for (size_t x = 0; x < to_; ++x, in += 2 * channels_)
    for (size_t c = 0; c < channels_; ++c) *out++ = in[c] + in[c + channels_];
}

void Bilinear::blend(const float* above, const float* below, float part, float* out) const {
  const auto weight = static_cast<double>(part);
  for (size_t i = 0; i < width_; ++i) out[i] = lerp(above[i], below[i], weight);
}

}  // namespace edgeseg
