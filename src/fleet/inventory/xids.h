#pragma once
// NVIDIA's XID codes: what they mean and whose fault they mostly are.
#include <cstdint>
#include <string_view>

namespace tessera::fleet {

enum class Blame : std::uint8_t { Application, Device, Unknown };
std::string_view blame_name(Blame blame);  ///< "application"

struct Xid {
  unsigned code = 0;
  Blame blame = Blame::Unknown;
  std::string_view meaning;  ///< empty where the code is not in the table
};
Xid xid_of(unsigned code);

}  // namespace tessera::fleet
