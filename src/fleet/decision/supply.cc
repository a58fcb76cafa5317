#include "fleet/decision/supply.h"

#include <fmt/format.h>

#include <algorithm>

#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/health.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/pods.h"
#include "gpu/profile_name.h"

namespace tessera::fleet::decision {
namespace {

std::string who(const Workload& of, unsigned pid) {
  if (of.is_pod()) return fmt::format("{}/{}", of.space, of.pod);
  return pid > 0 ? fmt::format("process {}", pid) : "a holder without a name";
}

/// Who has the device where it is not cut; several who share it are several.
std::vector<std::string> holders_of(const Device& device) {
  std::vector<std::string> out;
  for (const Allocation& one : device.allocations) out.push_back(who(one.facts->workload, 0));
  for (const Session& one : device.sessions) out.push_back(who(one.facts->workload, one.facts->pid));
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::optional<Milliseconds> idle_of(const Device& device, const UseSince& use) {
  if (use.use != Use::Idle || !use.idle_since) return std::nullopt;
  return Milliseconds(device.last_seen - *use.idle_since);
}

std::string unfit(const Device& device) {
  if (device.presence != Presence::Present) return fmt::format("it is {}", presence_name(device.presence));
  if (health_of(device) == Health::Unhealthy) return std::string(problems_of(device).front().what);
  if (!tells_sessions(device)) return "nobody tells which processes it has: tessera-agent does";
  return {};
}

/// What is known of one GPU instance beside where it stands and who has it.
void tell_more(const Device& device, Piece& piece) {
  for (const DevicePart& part : parts_of(device)) {
    if (!part.instance || !part.part.gpu_instance) continue;
    const InstanceFacts& facts = *part.instance->facts;
    if (facts.placement != piece.placed.placement) continue;
    piece.gpu_instance = part.part.gpu_instance;
    piece.uuid = facts.uuid;
    const auto name = gpu::parse_profile_name(facts.profile);
    piece.parted |= name && name->compute_slices != name->gpu_instance_slices;
    const auto idle = idle_of(device, use_of(device, part));
    if (!piece.held_by.empty()) piece.idle = idle;
  }
}

/// A shared device is known by who holds a replica of it, or by its node's label. Holders tell what they hold, and the
/// label how many there are: without it, those that are held are all.
std::optional<Shares> shares_of(const Device& device, const std::optional<Shares>& labelled) {
  Shares out = labelled.value_or(Shares());
  bool shared = out.replicas > 1;
  for (const Allocation& one : device.allocations) {
    if (!one.facts->shared) continue;
    shared = true;
    if (!one.facts->resource.empty()) out.resource = one.facts->resource;
  }
  if (!shared) return std::nullopt;
  const unsigned held = replicas_held(device);
  out.replicas = std::max(out.replicas, held);
  out.left = out.replicas - held;
  const auto used = static_cast<std::uint64_t>(memory_used_bytes(device).value_or(0));
  const std::uint64_t memory = device.facts->memory_bytes.value_or(0);
  out.left_memory_bytes = memory - std::min(used, memory);
  return out;
}

Candidate told_of(const Node& node, const Device& device, const std::optional<Shares>& labelled) {
  const DeviceFacts& facts = *device.facts;
  Candidate out;
  out.cluster = node.cluster;
  out.node = node.name;
  out.id = device_id(node.name, facts.index);
  out.uuid = facts.uuid;
  out.model = model_key_of(facts.name);
  out.memory_bytes = facts.memory_bytes;
  out.sm_count = facts.sm_count;
  out.profiles = facts.profiles;
  out.unfit = unfit(device);
  if (facts.mig_enabled) out.mig = *facts.mig_enabled ? MigMode::On : MigMode::Off;
  if (is_cut(device)) {
    out.mig = MigMode::On;
    const auto standing = fleet::standing_of(device);
    if (!standing) {
      if (out.unfit.empty()) out.unfit = standing.error().what;
      return out;
    }
    for (const Standing& one : *standing) {
      out.pieces.push_back({.placed = one.placed, .held_by = one.held_by});
      tell_more(device, out.pieces.back());
    }
    if (!out.pieces.empty()) return out;
  }
  if (out.mig != MigMode::On) out.shares = shares_of(device, labelled);
  const auto holders = holders_of(device);
  if (out.shares || holders.empty()) return out;
  out.held_by = holders.front();
  out.idle = idle_of(device, use_of(device));
  return out;
}

bool has_told_of(const Device& device, const Promise& promise) {
  return std::ranges::count(holders_of(device), promise.holder) > 0;
}

/// What its holder has taken of the memory that was promised with a share is in use, and not counted again.
std::uint64_t memory_used_by(const Device& device, const std::string& holder) {
  std::uint64_t out = 0;
  for (const Session& one : device.sessions)
    if (who(one.facts->workload, one.facts->pid) == holder) out += one.memory_bytes.value_or(0);
  return out;
}

void promise_piece(Candidate& candidate, const Promise& promise) {
  auto found = std::ranges::find(candidate.pieces, *promise.placed, &Piece::placed);
  if (found == candidate.pieces.end()) {
    candidate.pieces.push_back({.placed = *promise.placed, .stands = false});
    std::ranges::sort(candidate.pieces, {}, [](const Piece& one) { return one.placed; });
    found = std::ranges::find(candidate.pieces, *promise.placed, &Piece::placed);
  }
  if (found->held_by.empty()) found->held_by = promise.holder;
  found->may_move = promise.may_move;
}

void keep(Candidate& candidate, const Promise& promise, const Device& device) {
  if (promise.placed) return promise_piece(candidate, promise);
  // A share of what nobody tells to be shared is taken for the whole, to be safe.
  if (!promise.share || !candidate.shares) {
    if (candidate.held_by.empty()) candidate.held_by = promise.holder;
    candidate.may_move = promise.may_move;
    return;
  }
  Shares& shares = *candidate.shares;
  if (!has_told_of(device, promise)) shares.left -= std::min(shares.left, 1U);
  const std::uint64_t memory = promise.memory_mib.value_or(0) * 1024 * 1024;
  const std::uint64_t to_come = memory - std::min(memory, memory_used_by(device, promise.holder));
  shares.left_memory_bytes -= std::min(shares.left_memory_bytes, to_come);
}

}  // namespace

Sights::Sights(const Supply& supply, const Scope& scope) : supply_(supply), scope_(scope) {
  if (scope) sights_.resize(supply.candidates.size());
}

void Sights::look(std::size_t at) const {
  const Candidate& of = supply_.candidates[at];
  const auto why = scope_(of.cluster, of.node);
  const Sight sight = !why ? Sight::None : why->empty() ? Sight::Open : Sight::Barred;
  const auto is_beside = [&](std::size_t i) {
    return supply_.candidates[i].node == of.node && supply_.candidates[i].cluster == of.cluster;
  };
  for (std::size_t i = at; i < sights_.size() && is_beside(i); ++i) sights_[i] = sight;
  for (std::size_t i = at; i > 0 && is_beside(i - 1); --i) sights_[i - 1] = sight;
}

Candidate candidate_of(const Node& node, const Device& device, std::span<const Promise> promises,
                       const std::optional<Shares>& labelled) {
  Candidate out = told_of(node, device, labelled);
  for (const Promise& one : promises)
    if (one.device_uuid == out.uuid) keep(out, one, device);
  return out;
}

}  // namespace tessera::fleet::decision
