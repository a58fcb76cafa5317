#include <cassert>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/plan.h"

using namespace tessera;
using namespace tessera::operate;

// Any bytes give a resource that can be planned, with no object twice, or an error that names the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto monitor = parse_gpu_monitor({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!monitor) {
    assert(monitor.error().code == Code::Invalid);
    assert(monitor.error().what.starts_with("fuzz.yaml:"));
    return 0;
  }
  const Plan plan = make_plan(*monitor, {});
  std::set<ObjectKey> keys;
  for (const auto& object : plan.objects) assert(keys.insert(key_of(object)).second);
  assert(left_over({keys.begin(), keys.end()}, plan).empty());
  return 0;
}
