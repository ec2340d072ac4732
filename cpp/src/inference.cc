#include "inference.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>

#include "errors.h"
#include "files.h"
#include "json.h"
#include "options.h"
#include "report.h"
#include "run.h"

namespace edgeseg {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

// A signal can reach nothing but an object of static duration; it owns nothing, so the order in which things end is not touched.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

void listen_to_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);  // the second Ctrl-C ends at once
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

// A report is for a file ("-" for stdout); a failure to write it must not hide why the run ended.
void write_report(const std::string& where, const Report& report) {
  const std::string text = report.json();
  if (where == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  } else if (!where.empty()) {
    write_file(where, text);
  }
}

void outside(const fs::path& file, const char* option, const fs::path& folder) {
  std::error_code unknown;
  if (fs::equivalent(fs::absolute(file).parent_path(), folder, unknown))
    fail(Exit::usage, option, " ", file.string(),
         ": lies in the folder of a scene, which holds nothing but its patches; write it elsewhere");
}

// What the results in a folder were made from; with --resume they must have been made from the same.
std::string origin(const ModelFile& model, const SceneSpec& scene, const SceneSpec& results) {
  const std::string text = to_json(scene);
  const auto crc = static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const unsigned char*>(text.data()), text.size()));
  JsonWriter json;
  json.add("scene", scene.id)
      .add("scene_crc32", crc)
      .add("model_crc32", model.crc32)
      .add("model_bytes", model.data.size())
      .add("dtype", name_of(results.dtype));
  return json.finish();
}

// The positions that are still to be run; prepares the folder for their results.
std::vector<size_t> open_results(const fs::path& folder, const SceneSpec& results, const std::string& origin, bool resume) {
  make_folder(folder);
  const fs::path mark = folder / ".origin.json";
  remove_partials(folder);
  if (fs::exists(mark)) {
    if (!resume) fail(Exit::usage, folder.string(), ": holds results already; give --resume to go on, or another --out");
    const Bytes text = read_file(mark, 1 << 16);
    if (std::string(text.begin(), text.end()) != origin)
      fail(Exit::data, folder.string(), ": holds results of another model, scene or --dtype; give another --out");
  } else if (!fs::is_empty(folder)) {
    fail(Exit::usage, folder.string(), ": is not empty, and what is in it are no results of `inference`; give another --out");
  } else {
    write_file(mark, origin);
  }
  const std::vector<bool> present = find_patches(folder, results);
  std::vector<size_t> left;
  for (size_t position = 0; position < present.size(); ++position)
    if (!present[position]) left.push_back(position);
  return left;
}

}  // namespace

int infer(const InferenceOptions& options) {
  const auto start = Clock::now();
  const auto wall = [&] { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); };
  listen_to_signals();
  const SceneSpec scene = read_scene(options.scene);
  require_all(options.scene, scene, find_patches(options.scene, scene));
  if (!options.json.empty() && options.json != "-") {
    outside(options.json, "--json", options.scene);
    outside(options.json, "--json", options.out);
  }
  if (options.mask) outside(*options.mask, "--stitch", options.scene);
  const ModelFile model = read_model(options.model);
  const Device device = options.device.value_or(model.compiled ? Device{DeviceKind::usb, 0} : Device{});
  Report report(scene, model, format(device), options.threads);
  try {
    bool whole = false;
    {
      // All that belongs to TF Lite and the Edge TPU ends with this block, so that code can run after inference.
      const auto load = [&] {
        Versions versions;
        auto engine = open_engine(model, device, options.threads, &versions);
        report.versions(versions);
        return engine;
      };
      auto engine = load();
      check_fit(scene, engine->spec(), model.path.string());
      const SceneSpec results = results_of(scene, engine->spec(), options.real);
      std::optional<Golden> golden;
      if (options.golden) golden = read_golden(options.golden->input, options.golden->output, options.golden_every, engine->spec());
      const auto left = open_results(options.out, results, origin(model, scene, results), options.resume);
      report.resumed(scene.patches() - left.size());
      Progress progress("inference: patch");
      const auto timed_out = [&] {
        const auto seconds = options.invoke_limit.count();
        report.end("timed out", cat("an Invoke took longer than ", seconds, " s"), wall());
        std::fprintf(stderr, "inference: the model did not answer within %lld s; what is written is whole, --resume goes on\n",
                     static_cast<long long>(seconds));
        try {
          write_report(options.json, report);
        } catch (const std::exception& error) {
          std::fprintf(stderr, "inference: %s\n", error.what());
        }
        ::_exit(static_cast<int>(Exit::timed_out));  // destructors would wait for the Invoke that hangs
      };
      SceneRun run({options.scene, options.out, scene, results, std::move(golden), options.invoke_limit, load, timed_out,
                    [] { return interrupted.load(); }, [&](size_t done) { progress.show(done, left.size()); }},
                   std::move(engine), &report);
      whole = run.run(left);
      if (whole) write_file(options.out / "scene.json", to_json(results));
    }
    remove_partials(options.out);
    report.end(whole ? "complete" : "interrupted", "", wall());
  } catch (const Error& error) {
    remove_partials(options.out);
    report.end("failed", error.what(), wall());
    try {
      write_report(options.json, report);
    } catch (const std::exception& second) {
      std::fprintf(stderr, "inference: %s\n", second.what());
    }
    throw;
  }
  std::fputs(report.text().c_str(), stderr);
  write_report(options.json, report);
  if (interrupted) {
    std::fprintf(stderr, "inference: interrupted; the same command with --resume goes on\n");
    return static_cast<int>(Exit::interrupted);
  }
  if (options.mask) {
    Progress progress("stitch: row");
    stitch(options.out, *options.mask, options.how, [&](size_t done, size_t of) { progress.show(done, of); });
  }
  return 0;
}

}  // namespace edgeseg
