#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "errors.h"
#include "json.h"

namespace edgeseg {
namespace {

std::vector<double> column(const std::vector<std::pair<size_t, Times>>& patches, size_t stage) {
  std::vector<double> values;
  for (const auto& [position, times] : patches) values.push_back(times[stage]);
  return values;
}

double rounded(double milliseconds) { return std::round(milliseconds * 1e4) / 1e4; }

std::string hex(uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

}  // namespace

Summary summarize(const std::vector<double>& milliseconds) {
  std::vector<double> rest(milliseconds.begin() + (milliseconds.size() > 1 ? 1 : 0), milliseconds.end());
  std::sort(rest.begin(), rest.end());
  const auto rank = [&](double part) { return rest[static_cast<size_t>(std::ceil(part * static_cast<double>(rest.size()))) - 1]; };
  return {rest.front(), rank(0.5), rank(0.95), rest.back(), milliseconds.front()};
}

Report::Report(const SceneSpec& scene, const ModelFile& model, std::string device, int threads)
    : scene_(scene), model_(model.path.filename().string()), device_(std::move(device)), crc32_(model.crc32), threads_(threads) {}

void Report::versions(const Versions& versions) {
  const std::lock_guard lock(mutex_);
  versions_ = versions;
}
void Report::patch(size_t position, const Times& times) {
  const std::lock_guard lock(mutex_);
  patches_.emplace_back(position, times);
}
void Report::resumed(size_t patches) {
  const std::lock_guard lock(mutex_);
  resumed_ = static_cast<uint32_t>(patches);
}
void Report::golden(bool good) {
  const std::lock_guard lock(mutex_);
  ++(good ? golden_good_ : golden_bad_);
}
void Report::repeated(size_t patches) {
  const std::lock_guard lock(mutex_);
  repeated_ += static_cast<uint32_t>(patches);
}
void Report::end(const std::string& status, const std::string& why, double wall_ms) {
  const std::lock_guard lock(mutex_);
  status_ = status;
  why_ = why;
  wall_ms_ = wall_ms;
}
size_t Report::done() const {
  const std::lock_guard lock(mutex_);
  return patches_.size();
}

std::string Report::json() const {
  const std::lock_guard lock(mutex_);
  JsonWriter json;
  json.add("status", status_);
  if (!why_.empty()) json.add("why", why_);
  json.add("scene", scene_.id).add("patches", scene_.patches()).add("run", patches_.size()).add("resumed", resumed_);
  json.add("model", model_).add("model_crc32", hex(crc32_)).add("device", device_).add("threads", threads_);
  json.add("tflite", versions_.tflite).add("libedgetpu", versions_.edgetpu);
  json.open("golden").add("good", golden_good_).add("reloads", golden_bad_).add("repeated_patches", repeated_).close();
  json.add("wall_ms", rounded(wall_ms_));
  json.open("milliseconds");
  for (size_t stage = 0; stage < kStages.size() && !patches_.empty(); ++stage) {
    const std::vector<double> all = column(patches_, stage);
    const Summary sum = summarize(all);
    double total = 0;
    for (const double one : all) total += one;
    json.open(kStages[stage]).add("minimum", rounded(sum.minimum)).add("median", rounded(sum.median)).add("p95", rounded(sum.p95));
    json.add("maximum", rounded(sum.maximum)).add("first", rounded(sum.first)).add("total", rounded(total)).close();
  }
  json.close().open_list("per_patch");
  for (const auto& [position, times] : patches_) {
    json.open(nullptr).add("patch", scene_.file(position));
    for (size_t stage = 0; stage < kStages.size(); ++stage) json.add(kStages[stage], rounded(times[stage]));
    json.close();
  }
  json.close_list();
  return json.finish();
}

std::string Report::text() const {
  const std::lock_guard lock(mutex_);
  std::string text = cat(scene_.id, ": ", patches_.size(), " of ", scene_.patches(), " patches run",
                         resumed_ > 0 ? cat(", ", resumed_, " were there already") : "",
                         repeated_ > 0 ? cat(", ", repeated_, " repeated after a wrong golden output") : "", "; ", status_, "\n");
  if (patches_.empty()) return text;
  text += "  ms per patch   minimum    median       p95   maximum     first\n";
  for (size_t stage = 0; stage < kStages.size(); ++stage) {
    const Summary sum = summarize(column(patches_, stage));
    char line[120];
    std::snprintf(line, sizeof line, "  %-12s %9.3f %9.3f %9.3f %9.3f %9.3f\n", kStages[stage], sum.minimum, sum.median, sum.p95,
                  sum.maximum, sum.first);
    text += line;
  }
  return text;
}

}  // namespace edgeseg
