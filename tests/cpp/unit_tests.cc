// Laws of the small parts; what whole programs do is tested from Python.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "channel.h"
#include "errors.h"
#include "quantize.h"
#include "report.h"
#include "resize.h"
#include "scene.h"
#include "watchdog.h"

using namespace edgeseg;

namespace {

int failures = 0;

void check(bool holds, const char* what, int line) {
  if (holds) return;
  std::fprintf(stderr, "unit_tests.cc:%d: %s\n", line, what);
  ++failures;
}
#define CHECK(holds) check((holds), #holds, __LINE__)

template <class Body>
bool refused(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code == Exit::data;
  }
  return false;
}

void names() {
  const auto name = parse_patch_name("patch_192_10_by_12_LC08_L1TP_002053_20160520_20170324_01_T1");
  CHECK(name && name->index == 192 && name->row == 10 && name->col == 12 && name->scene == "LC08_L1TP_002053_20160520_20170324_01_T1");
  for (const char* bad :
       {"", "patch_", "patch_1_1_by_1_", "patch_01_1_by_1_A", "patch_1_1_by_-1_A", "patch_0_1_by_1_A", "patch_4294967296_1_by_1_A",
        "patch_1_1_by_1_../A", "patch_1_1_by_1_.A", "red_patch_1_1_by_1_A", "patch_1_1_by_1_A B"})
    CHECK(!parse_patch_name(bad));
}

void scenes() {
  const std::string good =
      R"({"id": "A", "rows": 2, "columns": 3, "patch_size": 8, "bands": ["red", "nir"], "dtype": "uint16", "scale": 1.5259021896696422e-05})";
  const SceneSpec scene = parse_scene(good, "x");
  CHECK(scene.bands == 2 && scene.patch_bytes() == 256 && scene.scale == 1.0F / 65535 && scene.file(3) == "patch_4_2_by_1_A.bin" &&
        scene.source_side == 8);
  CHECK(refused([] { parse_scene("{}", "x"); }));
  CHECK(refused([] { parse_scene(std::string(1 << 20, '['), "x"); }));
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"\"rows\": 2", "\"rows\": 0"},
                                 {"\"rows\": 2", "\"rows\": -1"},
                                 {"\"rows\": 2", "\"rows\": 1e9"},
                                 {"\"rows\": 2, ", ""},
                                 {"uint16", "int16"},
                                 {"\"A\"", "\"../A\""},
                                 {"1.5259021896696422e-05", "0"},
                                 {"\"red\"", "1"},
                                 {"[\"red\", \"nir\"]", "[]"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    CHECK(refused([&] { parse_scene(bad, "x"); }));
  }
}

void quantization() {
  const Quantization q{0.5F, -3, -128, 127};
  CHECK(q.stored(0.25F) == -3 && q.stored(0.75F) == -1 && q.stored(-0.25F) == -3);  // ties to even
  CHECK(q.stored(1e30F) == 127 && q.stored(-1e30F) == -128);
  for (int stored = -128; stored <= 127; ++stored) CHECK(q.stored(q.real(stored)) == stored);
  CHECK(real_values(q)[0xFF] == q.real(-1));
}

void resizing() {
  // A plane stays a plane, but where the edge repeats itself.
  const size_t from = 20, to = 33;
  std::vector<float> image(from * from);
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i / from) + 2 * static_cast<float>(i % from);
  Bilinear(from, to, 1)([&](size_t y) { return image.data() + y * from; },
                        [&](size_t y, const float* row) {
                          for (size_t x = 0; x < to; ++x) {
                            const auto at = [&](size_t i) {
                              return std::fmin(std::fmax((static_cast<double>(i) + 0.5) * from / to - 0.5, 0.0), from - 1.0);
                            };
                            CHECK(std::fabs(row[x] - (at(y) + 2 * at(x))) < 1e-4);
                          }
                        });
  const float four[] = {1, 2, 3, 6};
  Bilinear(2, 1, 1)([&](size_t y) { return four + 2 * y; }, [&](size_t, const float* row) { CHECK(row[0] == 3.0F); });
}

void summaries() {
  const Summary sum = summarize({100, 3, 1, 2, 4});
  CHECK(sum.first == 100 && sum.minimum == 1 && sum.median == 2 && sum.p95 == 4 && sum.maximum == 4);
  CHECK(summarize({7}).median == 7);
}

void threads() {
  Channel<int> channel;
  std::thread sender([&] {
    for (int i = 0; i < 1000; ++i) channel.put(i);
    channel.close();
  });
  int wanted = 0;
  while (const auto got = channel.take()) CHECK(*got == wanted++);
  CHECK(wanted == 1000);
  sender.join();
  std::atomic<int> barked{0};
  {
    Watchdog dog(std::chrono::milliseconds(40), [&] { ++barked; });
    for (int i = 0; i < 10; ++i) {
      const Watchdog::Guard guard(dog);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(barked == 0);
    const Watchdog::Guard guard(dog);
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    CHECK(barked == 1);
  }
}

}  // namespace

int main() {
  names();
  scenes();
  quantization();
  resizing();
  summaries();
  threads();
  if (failures == 0) std::puts("all passed");
  return failures == 0 ? 0 : 1;
}
