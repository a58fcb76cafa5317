#include "fleet/alerts/observe_quotas.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace tessera::fleet::alerts {
namespace {

constexpr std::string_view kBeneath = "quotas";

using Space = std::string;
using Resource = std::string;

/// What pods that have a node ask for. Those that are being deleted are others' by now: of a lost node they stay until
/// it is back, beside those that came in their place.
std::map<std::pair<Space, Resource>, std::int64_t> running(const ClusterView& cluster) {
  std::map<std::pair<Space, Resource>, std::int64_t> out;
  for (const auto& [key, pod] : cluster.pods) {
    if (pod->node.empty() || pod->deleting) continue;
    for (const auto& [resource, count] : pod->requests) out[{pod->space, resource}] += count;
  }
  return out;
}

std::int64_t amount(const GpuAmounts& of, const std::string& resource) {
  const auto found = of.find(resource);
  return found == of.end() ? 0 : found->second;
}

}  // namespace

void observe_quotas(const ClusterView& cluster, EpochMs now, Round& round) {
  if (!cluster.watched) return;
  if (!cluster.synced || !cluster.quotas_synced) {
    const auto at = std::ranges::lower_bound(round.silent, kBeneath);
    round.silent.insert(at, std::string(kBeneath));
    return;
  }
  const auto runs = running(cluster);
  for (const auto& [key, quota] : cluster.quotas)
    for (const auto& [resource, hard] : quota->hard) {
      std::int64_t has = amount(quota->used, resource);
      if (const auto found = runs.find({quota->space, resource}); found != runs.end() && !quota->scoped)
        has = std::max(has, found->second);
      const auto subject = std::make_shared<const Subject>(Subject{
          cluster.cluster + '/' + key + '/' + resource,
          std::string(kBeneath),
          {{"cluster", cluster.cluster}, {"namespace", quota->space}, {"quota", quota->name}, {"resource", resource}}});
      round.observations.push_back({Signal::QuotaShortfall, subject, now, static_cast<double>(has - hard)});
      round.observations.push_back({Signal::QuotaUnused, subject, now, has == 0 ? static_cast<double>(hard) : 0.0});
    }
}

}  // namespace tessera::fleet::alerts
