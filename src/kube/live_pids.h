#pragma once
// Which processes still run that were looked at before: one question to the kernel about all of them, instead of a file
// to read for each.
#include <filesystem>
#include <unordered_map>

#include "base/descriptor.h"

namespace tessera::kube {

/// Follows a process by a descriptor that the kernel ties to the process, not to its number: who gets the PID next is
/// never taken for it. Owned by one thread.
class LivePids {
 public:
  /// `proc` as for ProcessTable. Where it is not the kernel's tree of our own PID namespace (a simulation, another
  /// node's), or the kernel has no such descriptors, nobody is followed.
  explicit LivePids(std::filesystem::path proc);

  /// Begins to follow who has this PID now, if nobody is followed under it. Whoever is looked at afterwards and still
  /// runs at a later refresh() is the one that was looked at.
  void follow(unsigned pid);
  void forget(unsigned pid) { followed_.erase(pid); }
  /// Asks about all at once; who has ended is followed no more.
  void refresh();
  /// Whether the process still ran at the last refresh(); false says nothing.
  bool runs(unsigned pid) const { return followed_.contains(pid); }

 private:
  bool is_our_number(const Descriptor& process, unsigned pid) const;

  std::filesystem::path proc_;
  std::unordered_map<unsigned, Descriptor> followed_;
};

}  // namespace tessera::kube
