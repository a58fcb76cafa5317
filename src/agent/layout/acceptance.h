#pragma once
// Whether a document may be acted on at all. Pure: the clock and what was acted on before are given.
#include <cstdint>
#include <span>
#include <string>

#include "agent/layout/document.h"
#include "base/result.h"

namespace tessera::agent::layout {

/// The newest document that this node has acted on; older ones are not taken again.
struct Newest {
  std::uint64_t epoch = 0;
  std::uint64_t generation = 0;
  bool operator==(const Newest&) const = default;
};

struct Ourselves {
  std::string cluster;
  std::string node;
};

/// How long the document holds from the moment that it came, on a clock that nobody sets. Denied with one sentence why
/// it is refused: it is another node's, of an older leader or generation, expired, too long-lived, or issued more than
/// ten minutes from `now`; or one of its layouts is illegal on the device that it names. Devices that are not here do
/// not count.
Result<Milliseconds> accept(const Document& document, const Ourselves& us, const Newest& newest, EpochMs now,
                            std::span<const DeviceState> devices);

/// Whether the wanted layout can stand on this device: each instance at a placement that the driver offers for its
/// profile, none over another. Invalid with one sentence.
Result<void> legal(const DeviceState& device, const WantedDevice& wanted);

}  // namespace tessera::agent::layout
