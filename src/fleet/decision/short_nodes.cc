#include "fleet/decision/short_nodes.h"

namespace tessera::fleet::decision {

ShortNodes::ShortNodes(const Supply& supply, const Need& need) : supply_(supply), need_(need) {
  const bool asks = need.cpu_milli > 0 || need.node_memory_mib > 0;
  if (asks && !supply.nodes.empty()) short_.resize(supply.candidates.size());
}

/// As placement::fits() has it for whole devices.
void ShortNodes::look(std::size_t at) const {
  const auto& all = supply_.candidates;
  const Candidate& of = all[at];
  const auto beside = supply_.nodes.find({of.cluster, of.node});
  const bool is_short = beside != supply_.nodes.end() && (need_.cpu_milli > beside->second.free_cpu_milli ||
                                                          need_.node_memory_mib > beside->second.free_memory_mib);
  const auto is_beside = [&](std::size_t i) { return all[i].node == of.node && all[i].cluster == of.cluster; };
  for (std::size_t i = at; i < all.size() && is_beside(i); ++i) short_[i] = is_short;
  for (std::size_t i = at; i > 0 && is_beside(i - 1); --i) short_[i - 1] = is_short;
}

}  // namespace tessera::fleet::decision
