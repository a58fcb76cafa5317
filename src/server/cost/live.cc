#include "server/cost/live.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "fleet/cost/usage_slot.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"

namespace tessera::server {
namespace {

using fleet::CostOwner;
using fleet::CostSubject;

constexpr std::int64_t kHour = 3'600'000;

class Hour {
 public:
  Hour(const fleet::View& view, const store::CostRules& rules) : view_(view), rules_(rules) {}

  std::vector<store::CostPosting> make() {
    for (const auto& node : view_.nodes)
      for (const fleet::Device& device : node->devices) add(*node, device);
    return std::move(out_);
  }

 private:
  void add(const fleet::Node& node, const fleet::Device& device) {
    const bool costs =
        device.presence != fleet::Presence::Retired && view_.time < device.last_seen + rules_.unobserved_for.count();
    if (!costs) return;
    subjects_.clear();
    owners_.clear();
    numbers_.clear();
    const fleet::DeviceFacts& facts = *device.facts;
    CostSubject subject;
    subject.cluster = node.cluster;
    subject.node = node.name;
    subject.model = fleet::model_key_of(facts.name);
    subject.device_id = fleet::device_id(node.name, facts.index);
    subject.device_uuid = facts.uuid;
    const auto place = rules_.place_of(node.cluster, node.name, view_.time);
    subject.pool = place.pool;
    subject.purchase = place.purchase;
    subjects_.push_back(subject);
    fleet::DeviceUsage usage{0, 0, kHour, {}, 0, {}};
    const fleet::Model* model = fleet::find_model(subject.model);
    usage.whole = fleet::whole_slices(facts.compute_slices, model ? model->mig_max_slices : 0);
    if (device.presence == fleet::Presence::Present) {
      usage.observed_ms = kHour;
      add_parts(node, device, model ? model->memory_gib : 0, usage);
    }
    const fleet::Rate* rate =
        rules_.rates.at({subject.model, subject.cluster, subject.node, subject.pool, subject.purchase}, view_.time);
    const fleet::Charge charge = rate ? fleet::Charge{rate->per_hour, 0} : fleet::Charge{0, kHour};
    for (const fleet::Posting& one : fleet::post(usage, charge, rules_.posting)) {
      std::optional<CostOwner> owner;
      if (one.line.owner != 0) owner = owners_[static_cast<std::size_t>(one.line.owner - 1)];
      out_.push_back({subjects_[static_cast<std::size_t>(one.line.subject)], std::move(owner), one.line.kind,
                      one.line.basis, one.amount});
    }
  }

  void add_parts(const fleet::Node& node, const fleet::Device& device, unsigned memory_gib, fleet::DeviceUsage& usage) {
    std::map<std::optional<unsigned>, fleet::PartUsage> parts;  // compute instances of one instance are one
    for (const fleet::DevicePart& one : fleet::parts_of(device)) {
      const auto [at, is_new] = parts.try_emplace(one.part.gpu_instance);
      if (is_new) at->second = part_of(device, one, memory_gib, usage.whole);
      add_tenants(node, device, one, at->second);
    }
    for (auto& [instance, part] : parts) {
      part.owned_ms = part.tenants.empty() ? 0 : kHour;
      usage.parts.push_back(std::move(part));
    }
  }

  fleet::PartUsage part_of(const fleet::Device& device, const fleet::DevicePart& one, unsigned memory_gib,
                           const fleet::Slices& whole) {
    fleet::PartUsage out;
    out.slices = whole;
    out.observed_ms = kHour;
    if (one.part.gpu_instance) {
      CostSubject subject = subjects_.front();
      subject.gpu_instance = one.part.gpu_instance;
      subject.profile = fleet::profile_of(device, one.part);
      const auto known = fleet::profile_slices(subject.profile, std::nullopt, memory_gib);
      const std::int64_t compute =
          one.instance ? std::int64_t{one.instance->facts->compute_slices.value_or(1)} : std::int64_t{1};
      out.slices =
          known.value_or(fleet::Slices{compute, std::max<std::int64_t>(1, whole.memory * compute / whole.compute)});
      out.subject = static_cast<std::int64_t>(subjects_.size());
      subjects_.push_back(std::move(subject));
    }
    const CostSubject& subject = subjects_.front();
    out.replicas = rules_.replicas_of({subject.cluster, subject.device_uuid, one.part.gpu_instance}, view_.time);
    if (const auto busy = one.readings ? fleet::activity(*one.readings) : std::nullopt) {
      out.busy_ms = std::llround(std::clamp(*busy, 0.0, 1.0) * static_cast<double>(kHour));
      out.busy_known_ms = kHour;
    }
    return out;
  }

  void add_tenants(const fleet::Node& node, const fleet::Device& device, const fleet::DevicePart& of,
                   fleet::PartUsage& into) {
    const auto covers = [&](const fleet::Part& told) { return fleet::covers(told, of.part); };
    for (const fleet::Allocation& one : device.allocations)
      if (covers(one.part)) {
        fleet::Tenant& tenant = tenant_of(node, one.facts->workload, into);
        const fleet::Workload& whose = one.facts->workload;
        tenant.held_ms = kHour;
        tenant.replicas = rules_.replicas_held(
            {{node.cluster, device.facts->uuid, of.part.gpu_instance}, whose.space, whose.pod, whose.pod_uid});
      }
    for (const fleet::Session& one : device.sessions)
      if (covers(one.part)) tenant_of(node, one.facts->workload, into).used_ms = kHour;
  }

  fleet::Tenant& tenant_of(const fleet::Node& node, const fleet::Workload& whose, fleet::PartUsage& into) {
    CostOwner owner{node.cluster, whose.space, whose.pod, whose.pod_uid, {}, {}, {}};
    const auto [at, is_new] = numbers_.try_emplace(owner, 0, false);
    if (is_new) {
      at->second.second = rules_.name_owner(owner);
      owners_.push_back(std::move(owner));
      at->second.first = static_cast<std::int64_t>(owners_.size());
    }
    const auto [number, overhead] = at->second;
    const auto known = std::ranges::find(into.tenants, number, &fleet::Tenant::owner);
    if (known != into.tenants.end()) return *known;
    into.tenants.push_back({.owner = number, .overhead = overhead, .outside = !whose.is_pod()});
    return into.tenants.back();
  }

  const fleet::View& view_;
  const store::CostRules& rules_;
  // Of the device that is being added.
  std::vector<CostSubject> subjects_;
  std::vector<CostOwner> owners_;
  std::map<CostOwner, std::pair<std::int64_t, bool>> numbers_;
  std::vector<store::CostPosting> out_;
};

}  // namespace

std::vector<store::CostPosting> hourly_costs(const fleet::View& view, const store::CostRules& rules) {
  return Hour(view, rules).make();
}

}  // namespace tessera::server
