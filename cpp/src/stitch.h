// Patches of results back into the scene, one row of patches in memory at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace edgeseg {

struct Crop {
  uint32_t height, width;
};

struct StitchOptions {
  float threshold = 0.5F;        // a pixel is 255 where its probability is at least this, else 0
  bool probabilities = false;    // round(255 p) instead of a mask
  std::optional<Crop> crop;      // the centre; an odd pixel more stays below and to the right, as the scoring cuts it
  std::optional<uint32_t> size;  // pixels of a patch's side in the mask; none: of the image that the results were made from
};

struct Stitched {
  uint32_t height, width;
};

// Writes the results in `folder` as the image `out` (.png or .raw). With more than one class the mask holds the number of the most probable
// one. Error(data) naming a patch that is missing, doubled or short; Error(usage) for options that do not fit.
Stitched stitch(const std::filesystem::path& folder, const std::filesystem::path& out, const StitchOptions& options,
                const std::function<void(size_t rows, size_t of)>& progress);

}  // namespace edgeseg
