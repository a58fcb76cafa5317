#pragma once
// Nodes that are known to have less CPU or memory left than a need's pod asks for. They come last, and are refused to
// nobody: what is left is reckoned by the pods that are known, which may be late, and the scheduler has the last word.
#include <cstddef>
#include <optional>
#include <vector>

#include "fleet/decision/need.h"
#include "fleet/decision/supply.h"

namespace tessera::fleet::decision {

/// Where the need asks for neither, or nobody tells of nodes, there are none.
class ShortNodes {
 public:
  /// Both outlive it.
  ShortNodes(const Supply& supply, const Need& need);

  bool none() const { return short_.empty(); }
  /// Whether the candidate at this position is of one. Each node is looked up once, when somebody wants to know.
  bool has(std::size_t at) const {
    if (none()) return false;
    if (!short_[at]) look(at);
    return *short_[at];
  }

 private:
  void look(std::size_t at) const;

  const Supply& supply_;
  const Need& need_;
  mutable std::vector<std::optional<bool>> short_;  ///< by candidate; empty: there are none
};

}  // namespace tessera::fleet::decision
