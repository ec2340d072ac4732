#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "engine.h"
#include "errors.h"

namespace edgeseg {
namespace {

constexpr size_t kMostModel = size_t{512} << 20;
constexpr std::string_view kCustomOperator = "edgetpu-custom-op";
constexpr std::string_view kPackage = "DWN1";  // flatbuffer identifier of an Edge TPU package, at bytes 4..8 of it

template <class T>
std::optional<T> at(const Bytes& data, size_t offset) {
  if (offset > data.size() || data.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, data.data() + offset, sizeof(T));
  return value;
}

// min_runtime_version, the first field of the package's root table (libedgetpu's executable.fbs); every offset is checked.
std::optional<int> runtime_needed(const Bytes& data) {
  const auto found = std::search(data.begin(), data.end(), kPackage.begin(), kPackage.end());
  const auto identifier = static_cast<size_t>(found - data.begin());
  if (found == data.end() || identifier < 4) return std::nullopt;
  const size_t package = identifier - 4;
  const auto root = at<uint32_t>(data, package);
  if (!root) return std::nullopt;
  const size_t table = package + *root;
  const auto to_fields = at<int32_t>(data, table);
  if (!to_fields) return std::nullopt;
  const auto fields = static_cast<int64_t>(table) - *to_fields;
  if (fields < 0) return std::nullopt;
  const auto length = at<uint16_t>(data, static_cast<size_t>(fields));
  const auto first = at<uint16_t>(data, static_cast<size_t>(fields) + 4);
  if (!length || *length < 6 || !first || *first == 0) return std::nullopt;
  return at<int32_t>(data, table + *first);
}

}  // namespace

ModelFile read_model(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) fail(Exit::usage, path.string(), ": no such model");
  ModelFile model;
  model.path = path;
  model.data = read_file(path, kMostModel);
  if (model.data.size() < 8 || std::memcmp(model.data.data() + 4, "TFL3", 4) != 0)
    fail(Exit::data, path.string(), ": is not a TF Lite model");
  model.compiled = std::search(model.data.begin(), model.data.end(), kCustomOperator.begin(), kCustomOperator.end()) != model.data.end();
  if (model.compiled) model.runtime_needed = runtime_needed(model.data);
  model.crc32 = static_cast<uint32_t>(::crc32_z(0, model.data.data(), model.data.size()));
  return model;
}

}  // namespace edgeseg
