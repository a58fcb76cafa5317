#include "agent/by_device.h"

namespace tessera::agent {

ByDevice::ByDevice(Observation& seen) {
  Here* here = nullptr;
  std::string_view last;
  const auto on = [&](const std::string& uuid) -> Here& {
    if (here == nullptr || uuid != last) here = &devices_[last = uuid];  // most stand beside the one before
    return *here;
  };
  for (Session& session : seen.sessions) on(session.subject.uuid).sessions.push_back(&session);
  for (Allocation& held : seen.allocations.list) on(held.subject.uuid).holders.push_back(&held);
}

const ByDevice::Here& ByDevice::at(const std::string& uuid) const {
  static const Here kNothing;
  const auto found = devices_.find(uuid);
  return found == devices_.end() ? kNothing : found->second;
}

}  // namespace tessera::agent
