#pragma once
// NVIDIA's XID codes: what they mean and whose fault they mostly are.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"

namespace tessera::fleet {

enum class Blame : std::uint8_t { Application, Device, Unknown };
std::string_view blame_name(Blame blame);  ///< "application"

struct Xid {
  unsigned code = 0;
  Blame blame = Blame::Unknown;
  std::string_view meaning;  ///< empty where the code is not in the table
};
Xid xid_of(unsigned code);
std::vector<unsigned> codes_of(Blame blame);

/// A device had XIDs between the sample of this time and the one before.
struct XidsSeen {
  std::string cluster;
  std::string device_uuid;
  unsigned code = 0;
  EpochMs time = 0;
  std::uint64_t events = 0;  ///< of this code; one at least where only the last code is told
  bool operator==(const XidsSeen&) const = default;
};

}  // namespace tessera::fleet
