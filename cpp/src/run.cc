#include "run.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <thread>

#include "channel.h"
#include "errors.h"

namespace edgeseg {
namespace {

using Clock = std::chrono::steady_clock;
double milliseconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - start).count();
}
double milliseconds_since(Clock::time_point start) { return milliseconds_between(start, Clock::now()); }

constexpr size_t kInFlight = 8;  // patches: one in each thread, and some before and behind Invoke for when a card is slow for a moment
constexpr int kReloads = 3;      // a device that is wrong after as many fresh starts is not going to be right

// Called by the threads beside Invoke: they yield to the thread that keeps the accelerator busy, which waking them would otherwise push
// aside for as long as a patch takes to prepare. A system that refuses (a strict sandbox) merely runs as it would without.
void step_back() {
  const sched_param none{};
  ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &none);
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
}

}  // namespace

Golden read_golden(const std::filesystem::path& input, const std::filesystem::path& output, size_t every, const ModelSpec& model) {
  Golden golden{Bytes(model.input_bytes()), Bytes(model.output_bytes()), every};
  read_exactly(input, golden.input.data(), golden.input.size());
  read_exactly(output, golden.output.data(), golden.output.size());
  return golden;
}

void check_fit(const SceneSpec& scene, const ModelSpec& model, const std::string& model_path) {
  if (scene.dtype != DType::uint16 && scene.dtype != DType::float32)
    fail(Exit::data, scene.id, ": its patches are ", name_of(scene.dtype), "; a scene to run has uint16 or float32 ones");
  if (scene.bands != model.bands)
    fail(Exit::data, scene.id, ": has ", scene.bands, " bands, ", model_path, " takes ", model.bands,
         "; pack the scene with the bands it was trained on");
  if (scene.side < model.side)
    fail(Exit::data, scene.id, ": patches of ", scene.side, " pixels are smaller than the ", model.side, " that ", model_path, " takes");
}

SceneSpec results_of(const SceneSpec& scene, const ModelSpec& model, bool real) {
  SceneSpec results = scene;
  results.side = static_cast<uint32_t>(model.out_side);
  results.source_side = scene.side;
  results.bands = static_cast<uint32_t>(model.classes);
  results.dtype = real ? DType::float32 : model.output.lowest < 0 ? DType::int8 : DType::uint8;
  results.scale = real ? 1.0F : model.output.scale;
  results.zero_point = real ? 0 : model.output.zero_point;
  return results;
}

struct SceneRun::Job {
  size_t position = 0;
  Bytes input, output;
  Times times{};
};

// The way of the jobs round the three threads. The first error of any of them closes all channels, and the others run out of work.
struct SceneRun::Line {
  Channel<Job*> free, ready, done;
  std::atomic<bool> stopped{false}, interrupted{false};

  void stop(std::exception_ptr why) {
    {
      const std::lock_guard lock(mutex_);
      if (!why_) why_ = why;
    }
    stopped = true;
    free.close();
    ready.close();
    done.close();
  }
  void rethrow() {
    if (why_) std::rethrow_exception(why_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr why_;
};

SceneRun::SceneRun(Plan plan, std::unique_ptr<Engine> engine, Report* report)
    : plan_(std::move(plan)),
      engine_(std::move(engine)),
      report_(report),
      prepare_(plan_.scene, engine_->spec().side, engine_->spec().input),
      watchdog_(plan_.invoke_limit, plan_.timed_out) {}

bool SceneRun::run(const std::vector<size_t>& positions) {
  if (!plan_.golden) return run_segment(positions);
  if (!golden_is_good()) reload();
  for (size_t from = 0; from < positions.size();) {
    const size_t to = std::min(positions.size(), from + plan_.golden->every);
    const std::vector<size_t> segment(positions.begin() + static_cast<std::ptrdiff_t>(from),
                                      positions.begin() + static_cast<std::ptrdiff_t>(to));
    if (!run_segment(segment)) return false;
    if (golden_is_good()) {
      publish(segment);
      from = to;
    } else {
      reload();
      report_->repeated(segment.size());
      done_ -= segment.size();
    }
  }
  return true;
}

bool SceneRun::run_segment(const std::vector<size_t>& positions) {
  std::array<Job, kInFlight> jobs;
  Line line;
  for (Job& job : jobs) {
    job.input.resize(engine_->spec().input_bytes());
    job.output.resize(engine_->spec().output_bytes());
    line.free.put(&job);
  }
  std::thread reader([&] { read(positions, line); });
  std::thread writer([&] { write(line); });
  try {
    auto ended = Clock::now();
    while (const auto job = line.ready.take()) {
      if (line.stopped) break;
      const auto start = Clock::now();
      (*job)->times[static_cast<size_t>(Stage::wait)] = milliseconds_between(ended, start);
      {
        const Watchdog::Guard guard(watchdog_);
        engine_->invoke((*job)->input.data(), (*job)->output.data());
      }
      ended = Clock::now();
      (*job)->times[static_cast<size_t>(Stage::invoke)] = milliseconds_between(start, ended);
      line.done.put(*job);
    }
    line.done.close();
  } catch (...) {
    line.stop(std::current_exception());
  }
  reader.join();
  writer.join();
  line.rethrow();
  return !line.interrupted;
}

void SceneRun::read(const std::vector<size_t>& positions, Line& line) try {
  step_back();
  Bytes patch(plan_.scene.patch_bytes());
  for (const size_t position : positions) {
    if (plan_.interrupted()) {
      line.interrupted = true;
      break;
    }
    const auto job = line.free.take();
    if (!job || line.stopped) return;
    (*job)->position = position;
    const auto path = plan_.scene_folder / plan_.scene.file(position);
    auto start = Clock::now();
    read_exactly(path, patch.data(), patch.size());
    (*job)->times[static_cast<size_t>(Stage::read)] = milliseconds_since(start);
    start = Clock::now();
    prepare_(patch.data(), path.string(), (*job)->input.data());
    (*job)->times[static_cast<size_t>(Stage::prepare)] = milliseconds_since(start);
    line.ready.put(*job);
  }
  line.ready.close();
} catch (...) {
  line.stop(std::current_exception());
}

void SceneRun::write(Line& line) try {
  step_back();
  const auto real = real_values(engine_->spec().output);
  std::vector<float> values;
  while (const auto job = line.done.take()) {
    if (line.stopped) return;
    const auto start = Clock::now();
    const auto path = plan_.golden ? unchecked((*job)->position) : plan_.out_folder / plan_.results.file((*job)->position);
    if (plan_.results.dtype == DType::float32) {
      values.clear();
      for (const uint8_t byte : (*job)->output) values.push_back(real[byte]);
      write_file(path, values.data(), values.size() * sizeof(float));
    } else {
      write_file(path, (*job)->output.data(), (*job)->output.size());
    }
    (*job)->times[static_cast<size_t>(Stage::write)] = milliseconds_since(start);
    report_->patch((*job)->position, (*job)->times);
    plan_.progress(++done_);
    line.free.put(*job);
  }
} catch (...) {
  line.stop(std::current_exception());
}

bool SceneRun::golden_is_good() {
  Bytes output(plan_.golden->output.size());
  const Watchdog::Guard guard(watchdog_);
  engine_->invoke(plan_.golden->input.data(), output.data());
  const bool good = output == plan_.golden->output;
  report_->golden(good);
  return good;
}

// The model is closed before it is opened again: the device can be held only once.
void SceneRun::reload() {
  for (int attempt = 0; attempt < kReloads; ++attempt) {
    engine_.reset();
    engine_ = plan_.load();
    if (golden_is_good()) return;
  }
  fail(Exit::gate, "the golden output is wrong, and still is after the model was loaded afresh ", kReloads,
       " times; it was made with another model or TF Lite, or the device is faulty");
}

// Results wait under a hidden name until the golden output behind them was right; so --resume never takes an unchecked one for done.
std::filesystem::path SceneRun::unchecked(size_t position) const {
  return plan_.out_folder / ("." + plan_.results.file(position) + ".partial");
}

void SceneRun::publish(const std::vector<size_t>& positions) {
  for (const size_t position : positions) rename_file(unchecked(position), plan_.out_folder / plan_.results.file(position));
}

}  // namespace edgeseg
