#include "stitch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "errors.h"
#include "files.h"
#include "png_writer.h"
#include "quantize.h"
#include "resize.h"
#include "scene.h"

namespace edgeseg {
namespace {

constexpr uint32_t kMostSize = 16'384;
constexpr size_t kMostBand = size_t{1} << 30;  // bytes of one row of patches
constexpr float kSlack = 0.01F;                // how far rounding may carry a probability past 0 or 1

// One patch of results to the pixels of the mask.
class Painter {
 public:
  Painter(const SceneSpec& spec, const StitchOptions& options, size_t size)
      : spec_(spec),
        options_(options),
        size_(size),
        resize_(spec.side, size, spec.bands),
        bytes_(spec.patch_bytes()),
        reals_(spec.values()) {
    if (spec.dtype != DType::float32) table_ = real_values({spec.scale, spec.zero_point, spec.dtype == DType::int8 ? -128 : 0, 0});
  }

  // Reads `file` and paints it at `to`, whose rows are `stride` bytes apart.
  void operator()(const std::filesystem::path& file, uint8_t* to, size_t stride) {
    read_exactly(file, bytes_.data(), bytes_.size());
    if (spec_.dtype == DType::float32) {
      std::memcpy(reals_.data(), bytes_.data(), bytes_.size());
    } else {
      for (size_t i = 0; i < reals_.size(); ++i) reals_[i] = table_[bytes_[i]];
    }
    for (float& real : reals_) {
      if (!(real >= -kSlack && real <= 1 + kSlack))
        fail(Exit::data, file.string(), ": holds ", real, ", which is no probability; the model must end in a sigmoid or softmax");
      real = std::min(std::max(real, 0.0F), 1.0F);
    }
    const size_t width = spec_.side * size_t{spec_.bands};
    if (size_ == spec_.side) {
      for (size_t y = 0; y < size_; ++y) paint(reals_.data() + y * width, to + y * stride);
    } else {
      resize_([&](size_t y) { return reals_.data() + y * width; }, [&](size_t y, const float* values) { paint(values, to + y * stride); });
    }
  }

 private:
  void paint(const float* values, uint8_t* to) const {
    if (spec_.bands > 1) {
      for (size_t x = 0; x < size_; ++x, values += spec_.bands)
        to[x] = static_cast<uint8_t>(std::max_element(values, values + spec_.bands) - values);
    } else if (options_.probabilities) {
      for (size_t x = 0; x < size_; ++x) to[x] = static_cast<uint8_t>(std::nearbyint(values[x] * 255.0F));
    } else {
      for (size_t x = 0; x < size_; ++x) to[x] = values[x] >= options_.threshold ? 255 : 0;
    }
  }

  const SceneSpec& spec_;
  const StitchOptions& options_;
  const size_t size_;
  const Bilinear resize_;
  std::array<float, 256> table_{};
  Bytes bytes_;
  std::vector<float> reals_;
};

}  // namespace

Stitched stitch(const std::filesystem::path& folder, const std::filesystem::path& out, const StitchOptions& options,
                const std::function<void(size_t, size_t)>& progress) {
  const SceneSpec spec = read_scene(folder);
  if (spec.dtype == DType::uint16) fail(Exit::data, folder.string(), ": holds a scene's images, not results; run `inference` on it first");
  if (options.probabilities && spec.bands > 1)
    fail(Exit::usage, "--probabilities: the results have ", spec.bands, " classes; only one can be a grey image");
  require_all(folder, spec, find_patches(folder, spec));
  std::error_code unknown;
  if (std::filesystem::equivalent(std::filesystem::absolute(out).parent_path(), folder, unknown))
    fail(Exit::usage, out.string(), ": lies in the folder of the results; write the mask elsewhere");
  const uint32_t size = options.size.value_or(spec.source_side);
  if (size > kMostSize) fail(Exit::usage, "--size ", size, ": at most ", kMostSize);
  const uint64_t full_height = uint64_t{spec.rows} * size, full_width = uint64_t{spec.columns} * size;
  if (full_width * size > kMostBand) fail(Exit::usage, folder.string(), ": one row of patches would take ", full_width * size, " bytes");
  const Crop crop = options.crop.value_or(Crop{static_cast<uint32_t>(full_height), static_cast<uint32_t>(full_width)});
  if (crop.height > full_height || crop.width > full_width)
    fail(Exit::usage, "--crop ", crop.height, "x", crop.width, ": the scene has ", full_height, " x ", full_width, " pixels");
  const size_t top = (full_height - crop.height) / 2, left = (full_width - crop.width) / 2, bottom = top + crop.height;

  const auto image = open_image(out, crop.height, crop.width);
  Painter paint(spec, options, size);
  std::vector<uint8_t> band(full_width * size);
  for (size_t row = 0; row < spec.rows; ++row) {
    const size_t first = std::max(row * size, top), last = std::min((row + 1) * size, bottom);
    if (first >= last) continue;  // the crop leaves nothing of this row of patches
    for (size_t col = 0; col < spec.columns; ++col)
      paint(folder / spec.file(row * spec.columns + col), band.data() + col * size, full_width);
    for (size_t y = first; y < last; ++y) image->rows(band.data() + (y - row * size) * full_width + left, 1);
    progress(row + 1, spec.rows);
  }
  image->commit();
  return {crop.height, crop.width};
}

}  // namespace edgeseg
