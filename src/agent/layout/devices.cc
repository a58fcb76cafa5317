#include "agent/layout/devices.h"

#include <algorithm>

namespace tessera::agent::layout {
namespace {

Result<std::vector<nvml::StandingInstance>> list(const std::shared_ptr<const nvml::Library>& library,
                                                 const gpu::Device& device) {
  return TRY(nvml::MigWriter::open(library, device.uuid)).instances(device.profiles);
}

}  // namespace

const std::vector<DeviceState>& Devices::look() {
  const Observation seen = collector_.collect();
  Listed listed;
  const auto library = collector_.library();
  for (const gpu::Device& device : seen.snapshot.devices)
    if (library && to_be_listed(device)) listed.emplace(device.uuid, list(library, device));
  seen_ = seen.driver_up ? states_of(seen, listed) : std::vector<DeviceState>();
  tenure_.note(seen_, seen.time);
  return seen_;
}

Result<void> Devices::carry_out(const Task& task) {
  const auto library = collector_.library();
  const auto device = std::ranges::find(seen_, task.uuid, &DeviceState::uuid);
  if (!library || device == seen_.end())
    return fail(Code::NotFound, "{} on {}: the driver or the device is gone", text_of(task.step), task.uuid);
  const auto writer = TRY(nvml::MigWriter::open(library, task.uuid));
  if (task.step.action == Action::Mode) return writer.set_mode(task.step.mig == true);
  const auto profile = std::ranges::find(device->profiles, task.step.place.profile, &gpu::Profile::name);
  if (profile == device->profiles.end())
    return fail(Code::Invalid, "{} on {}: the driver has no such profile", text_of(task.step), task.uuid);
  const auto standing = std::ranges::find(device->instances, task.step.place, &Standing::place);
  const bool stands = standing != device->instances.end();
  if (task.step.action == Action::Create && !stands) return writer.create(*profile, task.step.place.placement);
  if (!stands) return fail(Code::NotFound, "{} on {}: it is gone", text_of(task.step), task.uuid);
  const nvml::StandingInstance instance{standing->gpu_instance, profile->id, standing->place.placement, {}};
  return task.step.action == Action::Create ? writer.complete(instance) : writer.destroy(instance);
}

}  // namespace tessera::agent::layout
