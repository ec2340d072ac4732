// inference: a model over the patches of a scene.
#include "inference.h"

#include "errors.h"
#include "options.h"

namespace {

constexpr char kHelp[] =
    "inference --model M.tflite --scene DIR --out DIR [options]\n"
    "Runs a quantized segmentation model over a scene's patches; reading, preparing and writing overlap with the model.\n\n"
    "  --model FILE         int8.tflite, or int8_edgetpu.tflite for the Edge TPU\n"
    "  --scene DIR          folder with scene.json and one .bin per patch (uint16 or float32)\n"
    "  --out DIR            where the results go, one .bin per patch and scene.json\n"
    "  --device D           cpu, usb:N or pci:N (default: usb:0 for a compiled model, else cpu)\n"
    "  --threads N          of TF Lite on the processor (default 1)\n"
    "  --dtype T            int8 (default): the model's own bytes; float32: real values\n"
    "  --resume             go on where the same command stopped\n"
    "  --json FILE          report with every time; - for stdout\n"
    "  --golden IN,OUT      raw input and output tensor that must match, checked first and ...\n"
    "  --golden-every N     ... after every N patches; after a wrong one the model is loaded afresh and they are run again\n"
    "  --invoke-limit S     seconds after which a model that does not answer ends the program (default 60)\n"
    "  --stitch FILE        also puts the results together, with `stitch`'s --threshold, --probabilities, --crop, --size\n\n"
    "Example: inference --model int8_edgetpu.tflite --scene scene --out results --json report.json --stitch mask.png\n"
    "Exit codes: 0 done, 2 wrong usage, 3 bad data, 4 library, device or space missing, 5 golden output wrong, 6 time limit, 130 "
    "interrupted.\n";

int run(int argc, char** argv) {
  using namespace edgeseg;
  InferenceOptions wanted;
  Options options;
  options["model"] = {"FILE", [&](const std::string& text) { wanted.model = text; }};
  options["scene"] = {"DIR", [&](const std::string& text) { wanted.scene = text; }};
  options["out"] = {"DIR", [&](const std::string& text) { wanted.out = text; }};
  options["device"] = {"D", [&](const std::string& text) { wanted.device = parse_device(text); }};
  options["threads"] = {"N", [&](const std::string& text) { wanted.threads = static_cast<int>(whole_number("--threads", text, 1, 64)); }};
  options["dtype"] = {"T", [&](const std::string& text) {
                        if (text != "int8" && text != "float32") fail(Exit::usage, "--dtype ", text, ": there are int8 and float32");
                        wanted.real = text == "float32";
                      }};
  options["resume"] = {"", [&](const std::string&) { wanted.resume = true; }};
  options["json"] = {"FILE", [&](const std::string& text) { wanted.json = text; }};
  options["golden"] = {"IN,OUT", [&](const std::string& text) {
                         const size_t comma = text.find(',');
                         if (comma == std::string::npos) fail(Exit::usage, "--golden ", text, ": must be two files, IN,OUT");
                         wanted.golden = GoldenFiles{text.substr(0, comma), text.substr(comma + 1)};
                       }};
  options["golden-every"] = {"N",
                             [&](const std::string& text) { wanted.golden_every = whole_number("--golden-every", text, 1, 1'000'000); }};
  options["invoke-limit"] = {
      "S", [&](const std::string& text) { wanted.invoke_limit = std::chrono::seconds(whole_number("--invoke-limit", text, 1, 86'400)); }};
  options["stitch"] = {"FILE", [&](const std::string& text) { wanted.mask = text; }};
  add_stitch_options(&options, &wanted.how);
  if (!parse(argc, argv, options, kHelp)) return 0;
  if (wanted.model.empty() || wanted.scene.empty() || wanted.out.empty())
    fail(Exit::usage, "--model, --scene and --out are needed; see --help");
  if (wanted.golden.has_value() != (wanted.golden_every > 0)) fail(Exit::usage, "--golden and --golden-every belong together");
  return infer(wanted);
}

}  // namespace

int main(int argc, char** argv) {
  return edgeseg::guarded("inference", [&] { return run(argc, argv); });
}
