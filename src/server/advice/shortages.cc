#include "server/advice/shortages.h"

#include <algorithm>
#include <map>
#include <set>

namespace tessera::server {
namespace {

using fleet::advice::QuotaShortage;
using store::QuotaSeen;

constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour;

std::int64_t amount(const fleet::GpuAmounts& of, const std::string& resource) {
  const auto found = of.find(resource);
  return found == of.end() ? 0 : found->second;
}

/// GPU nodes commonly have the plugin's taint, and pods that ask for GPUs tolerate it; another one is for others.
bool is_open(const fleet::ClusterNode& node) {
  return node.ready == true && !node.cordoned && std::ranges::all_of(node.taints, [](const fleet::Taint& taint) {
           return taint.effect == "PreferNoSchedule" || taint.key == "nvidia.com/gpu";
         });
}

/// Quotas that are looked at, with what they speak of.
std::vector<std::pair<const fleet::ClusterQuota*, std::string>> alone(const fleet::ClusterView& cluster) {
  std::map<std::pair<std::string, std::string>, int> many;
  for (const auto& [key, one] : cluster.quotas)
    for (const auto& [resource, hard] : one->hard) ++many[{one->space, resource}];
  std::vector<std::pair<const fleet::ClusterQuota*, std::string>> out;
  for (const auto& [key, one] : cluster.quotas)
    for (const auto& [resource, hard] : one->hard)
      if (!one->scoped && many[{one->space, resource}] == 1) out.emplace_back(one.get(), resource);
  return out;
}

/// How much more it would have to be, had nobody been refused whom there is room for: the smallest pods first. Of one
/// that was lowered beneath what its namespace has, what is too much already comes on top.
std::int64_t wanted(const fleet::ClusterView& cluster, const std::vector<QuotaRefusal>& standing,
                    const fleet::ClusterQuota& quota, const std::string& resource) {
  const std::int64_t hard = amount(quota.hard, resource), left = hard - amount(quota.used, resource);
  std::vector<std::int64_t> requested;
  for (const QuotaRefusal& one : standing) {
    // What would be let in by now, or was refused by another amount, waits for nothing but its next try.
    const bool its = one.space == quota.space && one.quota == quota.name && one.resource == resource;
    if (its && one.limited == hard && one.requested > left) requested.push_back(one.requested);
  }
  std::ranges::sort(requested);
  std::int64_t taken = 0, room = 0, of_size = 0;
  for (const std::int64_t each : requested) {
    if (each != of_size) room = room_for(cluster, resource, of_size = each);
    if (taken + each > room) break;  // nor is there more for a larger one
    taken += each;
  }
  return taken == 0 ? 0 : taken - left;
}

/// What the others have been promised and do not have.
std::int64_t unused_elsewhere(const fleet::ClusterView& cluster, const std::string& space,
                              const std::string& resource) {
  std::int64_t out = 0;
  for (const auto& [key, one] : cluster.quotas)
    if (one->space != space && !one->scoped)
      out += std::max<std::int64_t>(0, amount(one->hard, resource) - amount(one->used, resource));
  return out;
}

/// `of`: of one quota and resource, by hour.
QuotaShortage shortage(const std::vector<const QuotaSeen*>& of, EpochMs from, EpochMs now) {
  QuotaShortage out;
  const EpochMs first = of.front()->hour;
  out.from = first - from <= kHour ? from : first;
  out.to = now;
  std::map<EpochMs, QuotaShortage::Day> days;
  std::int64_t looked = 0;
  for (const QuotaSeen* one : of) {
    looked += one->looked_ms;
    out.told_until = std::min(now, one->hour + kHour);
    if (one->refused_ms == 0) continue;
    QuotaShortage::Day& day = days[one->hour / kDay];
    day.refused += Milliseconds(one->refused_ms);
    day.wanted = std::max(day.wanted, one->wanted_most);
    out.refused_last = std::min(now, one->hour + kHour);
  }
  for (const auto& [begin, day] : days) out.days.push_back(day);
  out.observed = std::min(1.0, static_cast<double>(looked) / static_cast<double>(out.to - out.from));
  return out;
}

}  // namespace

std::int64_t room_for(const fleet::ClusterView& cluster, const std::string& resource, std::int64_t each) {
  std::map<std::string, std::int64_t> free;
  for (const auto& [name, node] : cluster.nodes)
    if (is_open(*node)) free[name] = amount(node->allocatable, resource);
  std::int64_t waiting = 0;
  for (const auto& [key, pod] : cluster.pods) {
    const std::int64_t has = amount(pod->requests, resource);
    if (const auto node = free.find(pod->node); node != free.end()) node->second -= has;
    if (pod->node.empty() && !pod->deleting) waiting += has;
  }
  std::int64_t out = 0;
  for (const auto& [name, count] : free) out += std::max<std::int64_t>(0, count) / each * each;
  return std::max<std::int64_t>(0, out - waiting);
}

std::vector<QuotaSeen> quotas_seen(const fleet::ClusterView& cluster, const std::vector<QuotaRefusal>& standing,
                                   EpochMs since, EpochMs now) {
  std::vector<QuotaSeen> out;
  if (!cluster.synced || !cluster.quotas_synced) return out;
  for (const auto& [quota, resource] : alone(cluster)) {
    const std::int64_t more = wanted(cluster, standing, *quota, resource);
    out.push_back({now / kHour * kHour, cluster.cluster, quota->space, quota->name, resource,
                   amount(quota->hard, resource), now - since, more > 0 ? now - since : 0,
                   std::max<std::int64_t>(0, more)});
  }
  return out;
}

std::vector<QuotaShortage> shortages_of(const fleet::ClusterView& cluster, const std::vector<QuotaSeen>& seen,
                                        EpochMs from, EpochMs now,
                                        const std::function<std::optional<fleet::Micros>(const std::string&)>& price) {
  std::vector<QuotaShortage> out;
  for (const auto& [quota, resource] : alone(cluster)) {
    const std::int64_t hard = amount(quota->hard, resource);
    std::vector<const QuotaSeen*> its;
    for (const QuotaSeen& one : seen) {
      if (one.cluster != cluster.cluster || one.space != quota->space || one.quota != quota->name ||
          one.resource != resource)
        continue;
      if (one.hard != hard) its.clear();  // it was another one until then
      if (one.hard == hard) its.push_back(&one);
    }
    if (its.empty()) continue;
    QuotaShortage one = shortage(its, from, now);
    one.cluster = cluster.cluster;
    one.space = quota->space;
    one.name = quota->name;
    one.resource = resource;
    one.hard = hard;
    one.unused_elsewhere = unused_elsewhere(cluster, quota->space, resource);
    one.per_hour = price(resource);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace tessera::server
