// A model over a scene: reading, preparing and writing overlap with Invoke, so that the accelerator is what is waited for.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine.h"
#include "prepare.h"
#include "report.h"
#include "scene.h"
#include "watchdog.h"

namespace edgeseg {

// A stored input of the model and the output it must give, as raw tensors.
struct Golden {
  Bytes input, output;
  size_t every;  // patches between two checks
};
// Error(usage/data) where the files do not fit the model.
Golden read_golden(const std::filesystem::path& input, const std::filesystem::path& output, size_t every, const ModelSpec& model);

// Checks that the model takes the scene's patches: bands, side, types. Error(usage) with what to do.
void check_fit(const SceneSpec& scene, const ModelSpec& model, const std::string& model_path);

// The scene.json of the results of `model` on `scene`; `real`: float32 instead of the model's own type.
SceneSpec results_of(const SceneSpec& scene, const ModelSpec& model, bool real);

class SceneRun {
 public:
  struct Plan {
    std::filesystem::path scene_folder, out_folder;
    SceneSpec scene, results;
    std::optional<Golden> golden;
    std::chrono::milliseconds invoke_limit;
    std::function<std::unique_ptr<Engine>()> load;  // opens the model, again after a wrong golden output
    std::function<void()> timed_out;                // ends the process; called while Invoke hangs
    std::function<bool()> interrupted;              // asked before every patch
    std::function<void(size_t done)> progress;
  };
  SceneRun(Plan plan, std::unique_ptr<Engine> engine, Report* report);

  // Runs the patches at `positions` and writes their results. False where it was interrupted: what is written is whole.
  bool run(const std::vector<size_t>& positions);

 private:
  struct Job;
  struct Line;
  bool run_segment(const std::vector<size_t>& positions);
  void read(const std::vector<size_t>& positions, Line& line);
  void write(Line& line);
  bool golden_is_good();
  void reload();
  void publish(const std::vector<size_t>& positions);
  std::filesystem::path unchecked(size_t position) const;

  Plan plan_;
  std::unique_ptr<Engine> engine_;
  Report* report_;
  Preparer prepare_;
  Watchdog watchdog_;
  size_t done_ = 0;
};

}  // namespace edgeseg
