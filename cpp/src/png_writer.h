// An 8-bit grey image written row by row, as PNG or raw.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

namespace edgeseg {

class ImageWriter {
 public:
  virtual ~ImageWriter() = default;
  // The next `count` rows, one after the other in memory.
  virtual void rows(const uint8_t* pixels, size_t count) = 0;
  // After the last row: only now does the file appear.
  virtual void commit() = 0;
};

// By the ending of `path`: .png, or .raw (height x width bytes). Error(usage) for another.
std::unique_ptr<ImageWriter> open_image(const std::filesystem::path& path, uint32_t height, uint32_t width);

}  // namespace edgeseg
