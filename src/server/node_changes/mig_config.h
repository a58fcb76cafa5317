#pragma once
// What NVIDIA's mig-manager reads (mig-parted's file): an entry for each layout of a node's devices, by index. It
// places instances by itself and rebuilds each device whose layout is another one, so what is to stay is written as it
// stands. Pure.
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::server::nodes {

/// A device that can be cut.
struct ManagedDevice {
  unsigned index = 0;
  bool mig = false;
  std::map<std::string, unsigned> profiles{};  ///< how many of each: {"1g.10gb": 2}
};

/// By name, as the file has them.
using MigEntries = std::map<std::string, std::string>;

/// The entry of a node with these devices. Its name is "tessera-" and 16 hex digits of what it says, so that nodes that
/// are to be alike share one.
MigEntries::value_type mig_entry(const std::vector<ManagedDevice>& devices);

/// The file, with `all-disabled` and `all-enabled`, that the GPU operator counts on.
std::string mig_file(const MigEntries& entries);
/// The entries of a file of ours.
MigEntries entries_in(std::string_view file);

}  // namespace tessera::server::nodes
