// What a run did and how long each part of it took.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "engine.h"
#include "scene.h"

namespace edgeseg {

// `wait`: what passes between two Invokes, all that the accelerator is kept waiting.
enum class Stage { read, prepare, wait, invoke, write };
inline constexpr std::array kStages = {"read", "prepare", "wait", "invoke", "write"};
using Times = std::array<double, kStages.size()>;  // milliseconds, by Stage

struct Summary {
  double minimum, median, p95, maximum, first;
};
// Of at least one value. `first` stands apart: it holds one-time work (weights sent to the device, pages touched).
// The others are of the rest, or of the first where it is all there is. Percentiles are nearest-rank.
Summary summarize(const std::vector<double>& milliseconds);

// Filled by the run's threads, read by the watchdog at any moment: all its functions may be called from several threads.
class Report {
 public:
  Report(const SceneSpec& scene, const ModelFile& model, std::string device, int threads);
  void versions(const Versions& versions);
  void patch(size_t position, const Times& times);
  void resumed(size_t patches);
  void golden(bool good);
  void repeated(size_t patches);
  void end(const std::string& status, const std::string& why, double wall_ms);
  std::string json() const;
  // A few lines for people.
  std::string text() const;
  size_t done() const;

 private:
  mutable std::mutex mutex_;
  SceneSpec scene_;
  std::string model_, device_, status_ = "running", why_;
  uint32_t crc32_;
  int threads_;
  Versions versions_;
  std::vector<std::pair<size_t, Times>> patches_;  // in the order in which they were done
  uint32_t resumed_ = 0, golden_good_ = 0, golden_bad_ = 0, repeated_ = 0;
  double wall_ms_ = 0;
};

}  // namespace edgeseg
