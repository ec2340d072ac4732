// From a patch as it lies on the card to the bytes of the model's input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "files.h"
#include "quantize.h"
#include "resize.h"
#include "scene.h"

namespace edgeseg {

class Preparer {
 public:
  // `side`: of the model's input, at most the patch's; `q`: of the model's input.
  Preparer(const SceneSpec& scene, size_t side, Quantization q);

  // `patch` has scene.patch_bytes() bytes; `input` gets side x side x bands. Error(data) where a float is not finite; `name` is for it.
  void operator()(const uint8_t* patch, const std::string& name, uint8_t* input) const;

 private:
  void resized(const uint8_t* patch, uint8_t* input) const;
  uint8_t byte(float stored) const { return static_cast<uint8_t>(q_.stored(stored * scene_.scale)); }

  SceneSpec scene_;
  size_t side_;
  Quantization q_;
  Bilinear resize_;
  std::vector<uint8_t> table_;  // the model's input for every uint16; only where nothing is resized
};

}  // namespace edgeseg
