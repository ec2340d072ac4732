#include "png_writer.h"

#include <png.h>

#include "errors.h"
#include "files.h"

namespace edgeseg {
namespace {

class RawWriter final : public ImageWriter {
 public:
  RawWriter(const std::filesystem::path& path, size_t width) : file_(path), width_(width) {}
  void rows(const uint8_t* pixels, size_t count) override { file_.write(pixels, count * width_); }
  void commit() override { file_.commit(); }

 private:
  WholeFile file_;
  size_t width_;
};

// libpng reports errors by a function that must not return. Ours throws: libpng and zlib are built with unwind tables for that.
class PngWriter final : public ImageWriter {
 public:
  PngWriter(const std::filesystem::path& path, uint32_t height, uint32_t width) : file_(path), width_(width) {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, &PngWriter::broken, &PngWriter::warned);
    if (png_ == nullptr) fail(Exit::bug, path.string(), ": libpng cannot be started");
    info_ = png_create_info_struct(png_);
    png_set_write_fn(png_, this, &PngWriter::put, &PngWriter::flush);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png_, info_, width, height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    // Masks are flat: no filter and the fastest level already pack them to a hundredth.
    png_set_filter(png_, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
    png_set_compression_level(png_, 1);
    png_write_info(png_, info_);
  }
  ~PngWriter() override { png_destroy_write_struct(&png_, &info_); }

  void rows(const uint8_t* pixels, size_t count) override {
    for (size_t row = 0; row < count; ++row) png_write_row(png_, pixels + row * width_);
  }
  void commit() override {
    png_write_end(png_, nullptr);
    file_.commit();
  }

 private:
  static void broken(png_structp, png_const_charp message) { throw Error(Exit::bug, cat("libpng: ", message)); }
  static void warned(png_structp, png_const_charp) {}
  static void put(png_structp png, png_bytep data, size_t size) { static_cast<PngWriter*>(png_get_io_ptr(png))->file_.write(data, size); }
  static void flush(png_structp) {}

  WholeFile file_;
  size_t width_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

std::unique_ptr<ImageWriter> open_image(const std::filesystem::path& path, uint32_t height, uint32_t width) {
  if (path.extension() == ".png") return std::make_unique<PngWriter>(path, height, width);
  if (path.extension() == ".raw") return std::make_unique<RawWriter>(path, width);
  fail(Exit::usage, path.string(), ": a mask is written as .png or .raw");
}

}  // namespace edgeseg
