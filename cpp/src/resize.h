// Bilinear resizing of square float32 images with half-pixel centres and without antialiasing.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace edgeseg {

// Follows cv2.resize(INTER_LINEAR), which the Python side uses, on x86-64 (Intel IPP): exact positions, across first and then down, each
// time first + (second - first) * part with one rounding. Halving exactly takes the mean of each 2 x 2. Where OpenCV's vector code leaves a
// few columns over it rounds twice there, so single values may differ by one unit in the last place; twice the size and half the size of 8
// or 16-bit data are exact in float32 and equal everywhere.
class Bilinear {
 public:
  Bilinear(size_t from, size_t to, size_t channels);

  // `row(y)` gives input row y (from x channels floats, used up before the next call); `put(y, values)` takes output row y.
  template <class Row, class Put>
  void operator()(Row row, Put put) const {
    std::vector<float> lines[2] = {std::vector<float>(width_), std::vector<float>(width_)}, out(width_);
    if (halves_) {
      for (size_t y = 0; y < to_; ++y) {
        pairs(row(2 * y), lines[0].data());
        pairs(row(2 * y + 1), lines[1].data());
        for (size_t i = 0; i < width_; ++i) out[i] = (lines[0][i] + lines[1][i]) * 0.25F;
        put(y, out.data());
      }
      return;
    }
    size_t held[2] = {from_, from_};  // which input row each line holds; `from_` is none
    for (size_t y = 0; y < to_; ++y) {
      const size_t wanted[2] = {taps_[y].first, taps_[y].second};
      if (held[1] == wanted[0] && held[0] != wanted[0]) {
        std::swap(lines[0], lines[1]);
        std::swap(held[0], held[1]);
      }
      for (int i = 0; i < 2; ++i)
        if (held[i] != wanted[i]) {
          across(row(wanted[i]), lines[i].data());
          held[i] = wanted[i];
        }
      blend(lines[0].data(), lines[1].data(), taps_[y].part, out.data());
      put(y, out.data());
    }
  }

 private:
  struct Tap {
    size_t first, second;  // input positions
    float part;            // weight of the second
  };
  void across(const float* in, float* out) const;
  void pairs(const float* in, float* out) const;
  void blend(const float* above, const float* below, float part, float* out) const;

  size_t from_, to_, channels_, width_;
  bool halves_;
  std::vector<Tap> taps_;
};

}  // namespace edgeseg
