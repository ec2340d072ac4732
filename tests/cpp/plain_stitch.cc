// The plain way to stitch, for benchmarks/board.py to compare with: the whole scene as float32 in memory, then thresholded and written.
// plain_stitch IN OUT.png THRESHOLD
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "files.h"
#include "options.h"
#include "png_writer.h"
#include "quantize.h"
#include "resize.h"
#include "scene.h"

int main(int argc, char** argv) {
  return edgeseg::guarded("plain_stitch", [&] {
    using namespace edgeseg;
    if (argc != 4) return 2;
    const SceneSpec spec = read_scene(argv[1]);
    const size_t size = spec.source_side, width = spec.columns * size;
    const auto threshold = static_cast<float>(std::atof(argv[3]));
    std::vector<float> scene(spec.rows * size * width), patch(spec.values());
    const auto table = real_values({spec.scale, spec.zero_point, -128, 127});
    const Bilinear resize(spec.side, size, 1);
    Bytes bytes(spec.patch_bytes());
    for (size_t position = 0; position < spec.patches(); ++position) {
      read_exactly(std::filesystem::path(argv[1]) / spec.file(position), bytes.data(), bytes.size());
      for (size_t i = 0; i < patch.size(); ++i) patch[i] = table[bytes[i]];
      float* to = scene.data() + position / spec.columns * size * width + position % spec.columns * size;
      resize([&](size_t y) { return patch.data() + y * spec.side; },
             [&](size_t y, const float* row) { std::memcpy(to + y * width, row, size * sizeof(float)); });
    }
    std::vector<uint8_t> mask(scene.size());
    for (size_t i = 0; i < mask.size(); ++i) mask[i] = scene[i] >= threshold ? 255 : 0;
    const auto image = open_image(argv[2], static_cast<uint32_t>(spec.rows * size), static_cast<uint32_t>(width));
    image->rows(mask.data(), spec.rows * size);
    image->commit();
    return 0;
  });
}
