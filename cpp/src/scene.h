// A scene for the board: a folder with scene.json and one .bin per patch, height x width x bands, little-endian.
// The same form goes in (uint16 or float32 images) and comes out (int8, uint8 or float32 results of the model).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgeseg {

enum class DType { uint16, float32, int8, uint8 };
size_t bytes_of(DType type);
const char* name_of(DType type);

// patch_<index>_<row>_by_<col>_<scene id>; rows, columns and the row-major index count from 1.
struct PatchName {
  uint32_t index, row, col;
  std::string scene;
};
// Empty unless `text` is exactly what `format` gives for some name: no leading zeros, no sign, no suffix.
std::optional<PatchName> parse_patch_name(std::string_view text);
std::string format(const PatchName& name);

struct SceneSpec {
  std::string id;
  uint32_t rows, columns;
  uint32_t side;         // pixels of a patch's side in this folder
  uint32_t source_side;  // pixels of the patch that it was made from; `side` where it is the image itself
  uint32_t bands;        // channels; for results the model's classes
  DType dtype;
  float scale;  // real value = scale * (stored - zero_point)
  int zero_point;

  size_t patches() const { return size_t{rows} * columns; }
  size_t values() const { return size_t{side} * side * bands; }
  size_t patch_bytes() const { return values() * bytes_of(dtype); }
  // The file of the patch at `position` (row-major from 0).
  std::string file(size_t position) const;
};

// Reads the text of a scene.json; `where` names it in errors. Every number is checked and bounded. Error(data).
SceneSpec parse_scene(std::string_view text, const std::string& where);
std::string to_json(const SceneSpec& spec);

SceneSpec read_scene(const std::filesystem::path& folder);

// Which patches lie in `folder`. Error(data), with its name, for a file that is doubled, short, of another scene or foreign; hidden files
// are left alone.
std::vector<bool> find_patches(const std::filesystem::path& folder, const SceneSpec& spec);

// Error(data) naming the first patch that is not there.
void require_all(const std::filesystem::path& folder, const SceneSpec& spec, const std::vector<bool>& present);

}  // namespace edgeseg
