#include "scene.h"

#include <algorithm>
#include <charconv>

#include "errors.h"
#include "files.h"
#include "json.h"

namespace edgeseg {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostJson = 1 << 20;           // a real scene.json has a few hundred bytes
constexpr uint32_t kMostRows = 10'000;          // Landsat 8: 23
constexpr uint32_t kMostSide = 8'192;           // 38-Cloud: 384
constexpr uint32_t kMostBands = 256;            // Landsat 8: 11
constexpr size_t kMostBytes = size_t{1} << 28;  // a patch must fit a board of 2 GB several times over
constexpr size_t kMostPatches = 1'000'000;

struct Named {
  DType type;
  const char* name;
  size_t bytes;
};
constexpr Named kTypes[] = {
    {DType::uint16, "uint16", 2}, {DType::float32, "float32", 4}, {DType::int8, "int8", 1}, {DType::uint8, "uint8", 1}};

const Named& named(DType type) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Named& one) { return one.type == type; });
}

// A number without sign or leading zero from the front of `text`, which is shortened by it.
std::optional<uint32_t> take_number(std::string_view& text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value == 0 || text[0] == '0') return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

// What may stand in a scene id: it becomes part of file names.
bool is_id(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= 180 && text[0] != '.' && std::all_of(text.begin(), text.end(), fits);
}

}  // namespace

size_t bytes_of(DType type) { return named(type).bytes; }
const char* name_of(DType type) { return named(type).name; }

std::optional<PatchName> parse_patch_name(std::string_view text) {
  PatchName name;
  if (!take(text, "patch_")) return std::nullopt;
  const auto index = take_number(text);
  if (!index || !take(text, "_")) return std::nullopt;
  const auto row = take_number(text);
  if (!row || !take(text, "_by_")) return std::nullopt;
  const auto col = take_number(text);
  if (!col || !take(text, "_") || !is_id(text)) return std::nullopt;
  return PatchName{*index, *row, *col, std::string(text)};
}

std::string format(const PatchName& name) { return cat("patch_", name.index, "_", name.row, "_by_", name.col, "_", name.scene); }

std::string SceneSpec::file(size_t position) const {
  const auto row = static_cast<uint32_t>(position / columns), col = static_cast<uint32_t>(position % columns);
  return format({static_cast<uint32_t>(position + 1), row + 1, col + 1, id}) + ".bin";
}

SceneSpec parse_scene(std::string_view text, const std::string& where) {
  const Json json(text, where);
  SceneSpec spec;
  spec.id = json.text("id");
  if (!is_id(spec.id)) fail(Exit::data, where, ": \"id\" must be letters, digits, '.', '-' and '_', at most 180, not beginning with '.'");
  spec.rows = json.whole("rows", 1, kMostRows);
  spec.columns = json.whole("columns", 1, kMostRows);
  spec.side = json.whole("patch_size", 1, kMostSide);
  spec.source_side = json.has("source_patch_size") ? json.whole("source_patch_size", 1, kMostSide) : spec.side;
  spec.bands = json.count("bands", kMostBands);
  const std::string type = json.text("dtype");
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Named& one) { return one.name == type; });
  if (known == std::end(kTypes)) fail(Exit::data, where, ": \"dtype\" must be uint16, float32, int8 or uint8");
  spec.dtype = known->type;
  spec.scale = json.positive("scale");
  spec.zero_point = json.has("zero_point") ? json.integer("zero_point", -128, 255) : 0;
  if (spec.patches() > kMostPatches) fail(Exit::data, where, ": ", spec.rows, " x ", spec.columns, " patches are more than ", kMostPatches);
  if (spec.patch_bytes() > kMostBytes) fail(Exit::data, where, ": a patch of ", spec.patch_bytes(), " bytes is larger than ", kMostBytes);
  return spec;
}

std::string to_json(const SceneSpec& spec) {
  JsonWriter json;
  json.add("id", spec.id).add("rows", spec.rows).add("columns", spec.columns).add("patch_size", spec.side);
  json.add("source_patch_size", spec.source_side).add("bands", spec.bands).add("dtype", name_of(spec.dtype));
  json.add("scale", static_cast<double>(spec.scale)).add("zero_point", spec.zero_point);
  return json.finish();
}

SceneSpec read_scene(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail(Exit::usage, folder.string(), ": no such folder");
  const fs::path file = folder / "scene.json";
  if (!fs::exists(file))
    fail(Exit::data, file.string(), ": is missing; a scene for the board has one (for results: written when the scene is finished)");
  const Bytes text = read_file(file, kMostJson);
  return parse_scene({reinterpret_cast<const char*>(text.data()), text.size()}, file.string());
}

std::vector<bool> find_patches(const fs::path& folder, const SceneSpec& spec) {
  std::vector<bool> present(spec.patches());
  std::error_code why;
  for (const auto& entry : fs::directory_iterator(folder, why)) {
    const std::string file = entry.path().filename().string();
    if (file[0] == '.' || file == "scene.json") continue;
    const auto name = entry.path().extension() == ".bin" ? parse_patch_name(file.substr(0, file.size() - 4)) : std::nullopt;
    if (!name) fail(Exit::data, entry.path().string(), ": does not belong into a scene's folder; move it away");
    if (name->scene != spec.id) fail(Exit::data, entry.path().string(), ": a patch of another scene; this one is ", spec.id);
    if (name->row > spec.rows || name->col > spec.columns)
      fail(Exit::data, entry.path().string(), ": lies outside the ", spec.rows, " x ", spec.columns, " patches of the scene");
    const size_t position = size_t{name->row - 1} * spec.columns + name->col - 1;
    if (name->index != position + 1)
      fail(Exit::data, entry.path().string(), ": row ", name->row, ", column ", name->col, " is ", spec.file(position),
           ": doubled or wrongly numbered");
    std::error_code unknown;
    const auto size = entry.is_regular_file(unknown) ? entry.file_size(unknown) : 0;
    if (size != spec.patch_bytes())
      fail(Exit::data, entry.path().string(), ": ", size, " bytes where ", spec.patch_bytes(), " belong (", spec.side, " x ", spec.side,
           " x ", spec.bands, " ", name_of(spec.dtype), ")");
    present[position] = true;
  }
  if (why) fail(Exit::data, folder.string(), ": cannot be listed (", why.message(), ")");
  return present;
}

void require_all(const fs::path& folder, const SceneSpec& spec, const std::vector<bool>& present) {
  const auto absent = std::find(present.begin(), present.end(), false);
  if (absent == present.end()) return;
  const auto missing = std::count(present.begin(), present.end(), false);
  fail(Exit::data, (folder / spec.file(static_cast<size_t>(absent - present.begin()))).string(), ": is missing",
       missing > 1 ? cat(" (and ", missing - 1, " more)") : "");
}

}  // namespace edgeseg
