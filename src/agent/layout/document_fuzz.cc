// Whatever the reader takes can be planned for: each step is legal after those before it, and there is an end.
#include <algorithm>
#include <cstdlib>

#include "agent/layout/acceptance.h"
#include "agent/layout/plan.h"
#include "agent/layout/sample_device.h"
#include "gpu/geometry.h"

using namespace tessera;
using namespace tessera::agent::layout;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void carry_out(DeviceState device, const WantedDevice& wanted) {
  const Plan first = plan(device, wanted);
  require(first.progress == Progress::Done || !first.reason.empty() || first.progress == Progress::Working);
  for (const Step& step : first.steps) {
    if (step.state != StepState::Planned) continue;
    if (step.action == Action::Create)
      for (const Standing& other : device.instances)
        require(!gpu::overlap(other.place.placement, step.place.placement));
    apply(device, step);
  }
  if (first.progress == Progress::Working) require(plan(device, wanted).progress != Progress::Working);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = parse_document({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  for (const WantedDevice& wanted : document->devices) {
    require(wanted.generation <= document->generation);
    require(wanted.mig != false || wanted.instances.empty());
    require(std::ranges::is_sorted(wanted.instances));
    carry_out(cut({}), wanted);
    DeviceState whole = cut({});
    whole.mig = false;
    carry_out(whole, wanted);
    carry_out(cut({one(0), one(1), two(4)}), wanted);
  }
  return 0;
}
