// stitch: results of a scene's patches to one mask.
#include "stitch.h"

#include <cstdio>

#include "errors.h"
#include "options.h"

namespace {

constexpr char kHelp[] =
    "stitch --in DIR --out MASK.png [options]\n"
    "Puts the results that `inference` wrote together to one mask, row by row in bounded memory.\n\n"
    "  --in DIR          folder with scene.json and one .bin per patch\n"
    "  --out FILE        .png (8 bit), or .raw (height x width bytes)\n"
    "  --threshold T     255 where the probability is at least T, else 0 (default 0.5)\n"
    "  --probabilities   round(255 p) instead of a mask\n"
    "  --crop HxW        the centre of the scene, as the scoring cuts it\n"
    "  --size N          pixels of a patch's side in the mask (default: of the image it was made from)\n\n"
    "Example: stitch --in results --out mask.png --threshold 0.41 --crop 7741x7591\n"
    "Exit codes: 0 done, 2 wrong usage, 3 bad data, 4 no space.\n";

int run(int argc, char** argv) {
  using namespace edgeseg;
  std::filesystem::path in, out;
  StitchOptions how;
  bool thresholded = false;
  Options options{{"in", {"DIR", [&](const std::string& text) { in = text; }}},
                  {"out", {"FILE", [&](const std::string& text) { out = text; }}}};
  add_stitch_options(&options, &how);
  auto& threshold = options["threshold"];
  threshold.set = [&, set = threshold.set](const std::string& text) {
    thresholded = true;
    set(text);
  };
  if (!parse(argc, argv, options, kHelp)) return 0;
  if (in.empty() || out.empty()) fail(Exit::usage, "--in and --out are needed; see --help");
  if (thresholded && how.probabilities) fail(Exit::usage, "--threshold and --probabilities exclude each other");
  Progress progress("stitch: row");
  const Stitched made = stitch(in, out, how, [&](size_t done, size_t of) { progress.show(done, of); });
  std::fprintf(stderr, "stitch: %s, %u x %u pixels\n", out.c_str(), made.height, made.width);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return edgeseg::guarded("stitch", [&] { return run(argc, argv); });
}
