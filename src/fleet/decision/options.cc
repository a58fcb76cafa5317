#include "fleet/decision/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::string_view kWholeDevice = "nvidia.com/gpu";  // what a pod asks Kubernetes for to get one

bool has_memory(std::uint64_t bytes, const Need& need) { return bytes >= need.memory_mib.value_or(0) * kMib; }

std::uint64_t missing_mib(std::uint64_t bytes, const Need& need) {
  return need.memory_mib.value_or(0) - std::min(need.memory_mib.value_or(0), bytes / kMib);
}

unsigned wanted_milli(const Need& need) { return need.whole() ? 1000 : need.compute_milli.value_or(0); }

/// Media engines that nobody asks for are left to who does: +me and its kind come last among equals.
bool comes_before(const gpu::Profile& a, const gpu::Profile& b) {
  const auto key = [](const gpu::Profile& one) {
    return std::tuple(size_of(one), one.compute_slices, one.name.find_first_of("+-") != std::string::npos, one.id);
  };
  return key(a) < key(b);
}

bool is_of_model(const Candidate& candidate, const Need& need) {
  return need.models.empty() || std::ranges::count(need.models, candidate.model) > 0;
}

bool may_cut(const Candidate& candidate, const Need& need) {
  return candidate.can_be_cut() && need.devices == 1 && need.mig != MigUse::Never;
}

bool may_share(const Candidate& candidate, const Need& need) {
  return candidate.shares && need.devices == 1 && need.mig != MigUse::Required && need.compute_milli &&
         *need.compute_milli < 1000 && !need.compute_slices && need.type != WorkloadType::Training;
}

std::optional<Failure> fails_by_kind(const Candidate& candidate, const Need& need) {
  if (!candidate.unfit.empty())
    return Failure{candidate.withheld ? Cause::Withheld : Cause::Unhealthy, candidate.unfit};
  if (!is_of_model(candidate, need)) return Failure{Cause::Model, fmt::format("it is a {}", candidate.model)};
  if (need.mig == MigUse::Required && !candidate.can_be_cut())
    return Failure{Cause::Mig, candidate.mig == MigMode::Off ? "MIG is off on it" : "it cannot be cut"};
  if (candidate.mig == MigMode::On && !may_cut(candidate, need))
    return Failure{Cause::Mig, need.devices > 1 ? "MIG is on, and between instances there is no peer-to-peer"
                                                : "MIG is on, and the workload is to have none"};
  if (candidate.mig == MigMode::On && candidate.offered().empty())
    return Failure{Cause::Mig, "nobody tells of its MIG profiles: tessera-agent does"};
  if (!need.profile.empty() && std::ranges::count(candidate.offered(), need.profile, &gpu::Profile::name) == 0)
    return Failure{Cause::Mig, fmt::format("it has no profile {}", need.profile)};
  if (candidate.shares && !may_share(candidate, need))
    return Failure{Cause::Held, "it is shared, and the workload is to have a device or an instance to itself"};
  const std::string_view given = candidate.shares ? std::string_view(candidate.shares->resource) : kWholeDevice;
  if (!need.resource.empty() && candidate.mig != MigMode::On && need.resource != given)
    return Failure{Cause::Held, fmt::format("it is given as {}, and the pod asks for {}", given, need.resource)};
  return std::nullopt;
}

std::optional<Failure> fails_by_price(const Candidate& candidate, const Need& need, const Option& option) {
  if (!need.most_price_micros) return std::nullopt;
  const auto price = price_of(option);
  if (!price) return Failure{Cause::Price, "nobody has told its price", ~std::uint64_t{0}};
  // On one node they cost alike; what else makes up the number elsewhere may be cheaper.
  const std::int64_t least = need.same_node ? *price * need.devices : *price;
  if (least <= *need.most_price_micros) return std::nullopt;
  const std::string of = option.profile ? option.profile->name : candidate.model;
  return Failure{Cause::Price, fmt::format("{} costs {} an hour", of, money_text(least)),
                 static_cast<std::uint64_t>(least - *need.most_price_micros)};
}

std::variant<std::vector<Option>, Failure> whole(const Candidate& candidate, const Need& need) {
  const std::uint64_t memory = candidate.memory_bytes.value_or(0);
  if (!has_memory(memory, need))
    return Failure{
        Cause::Memory,
        candidate.memory_bytes ? fmt::format("it has {} MiB", number_text(memory / kMib)) : "nobody tells its memory",
        missing_mib(memory, need)};
  const Option option{.candidate = &candidate};
  if (auto failure = fails_by_price(candidate, need, option)) return *std::move(failure);
  if (!candidate.held_by.empty()) return Failure{Cause::Held, fmt::format("{} has it", candidate.held_by)};
  if (!candidate.pieces.empty()) return Failure{Cause::Held, "it is cut into instances"};
  if (is_partly_closed(candidate)) return Failure{Cause::Withheld, candidate.uncut};
  return std::vector{option};
}

std::variant<std::vector<Option>, Failure> share(const Candidate& candidate, const Need& need) {
  const Shares& shares = *candidate.shares;
  const Option option{.candidate = &candidate, .share_milli = shares.milli()};
  const std::uint64_t whole = candidate.memory_bytes.value_or(0);
  const std::uint64_t memory = shares.memory_is_parted ? whole / shares.replicas : whole;
  if (!has_memory(memory, need))
    return Failure{
        Cause::Memory,
        fmt::format("{} has {} MiB", shares.memory_is_parted ? "a replica of it" : "it", number_text(memory / kMib)),
        missing_mib(memory, need)};
  if (std::uint64_t{*need.compute_milli} * shares.replicas > 1000)
    return Failure{
        Cause::Compute,
        fmt::format("it is shared by {}, and a pod has one part: {} thousandths", shares.replicas, shares.milli()),
        *need.compute_milli - std::min(*need.compute_milli, shares.milli())};
  if (auto failure = fails_by_price(candidate, need, option)) return *std::move(failure);
  if (!candidate.held_by.empty()) return Failure{Cause::Held, fmt::format("{} has all of it", candidate.held_by)};
  if (shares.left == 0) return Failure{Cause::Held, fmt::format("none of its {} replicas is left", shares.replicas)};
  if (!shares.memory_is_parted && !has_memory(shares.left_memory_bytes, need))
    return Failure{Cause::Held, fmt::format("{} MiB of it are left", number_text(shares.left_memory_bytes / kMib)),
                   missing_mib(shares.left_memory_bytes, need)};
  return std::vector{option};
}

/// Whether an instance of it would be enough, wherever one may stand.
bool is_large_enough(const gpu::Profile& profile, const WholeCompute& whole, const Need& need) {
  const bool by_sms = profile.sm_count && whole.sm_count;
  const std::uint64_t has = by_sms ? *profile.sm_count : profile.compute_slices;
  return (need.profile.empty() || need.profile == profile.name) && has_memory(profile.memory_bytes, need) &&
         profile.compute_slices >= need.compute_slices.value_or(0) &&
         has * 1000 >= std::uint64_t{wanted_milli(need)} * (by_sms ? *whole.sm_count : whole.slices);
}

Failure not_to_be_cut(const Candidate& candidate) {
  if (is_partly_closed(candidate)) return {Cause::Withheld, candidate.uncut};
  return {Cause::NoRoom, fmt::format("no idle instance on it is large enough, and it is not to be cut{}{}",
                                     candidate.uncut.empty() ? "" : ": ", candidate.uncut)};
}

/// Why none of its profiles is enough. One that is and has no place is of a device that stays as it is cut.
Failure too_small(const Candidate& candidate, const Need& need) {
  const WholeCompute whole = compute_of(candidate.offered());
  if (std::ranges::any_of(candidate.offered(),
                          [&](const gpu::Profile& one) { return is_large_enough(one, whole, need); }))
    return not_to_be_cut(candidate);
  const gpu::Profile* largest = nullptr;
  for (const gpu::Profile& one : candidate.offered())
    if ((need.profile.empty() || need.profile == one.name) && (!largest || one.memory_bytes > largest->memory_bytes))
      largest = &one;
  if (has_memory(largest->memory_bytes, need)) return Failure{Cause::Compute, "no profile has that much compute"};
  return Failure{Cause::Memory, fmt::format("{} has {} MiB", largest->name, number_text(largest->memory_bytes / kMib)),
                 missing_mib(largest->memory_bytes, need)};
}

/// What is in the way of `profile`: too little is free, or what is free is not in one piece.
Failure no_room(const Candidate& candidate, const gpu::Profile& profile) {
  unsigned axis = 0, held = 0, slices_held = 0;
  std::vector<std::string> holders;
  for (const gpu::Profile& one : candidate.offered())
    for (const gpu::Placement at : one.placements) axis = std::max(axis, at.start + at.size);
  for (const Piece& piece : candidate.pieces) {
    if (piece.held_by.empty()) continue;
    held += piece.placed.placement.size;
    const gpu::Profile* of = candidate.profile(piece.placed.profile);
    slices_held += of ? of->compute_slices : 0;
    holders.push_back(fmt::format("{} at {}", piece.held_by, piece.placed.placement.start));
  }
  const unsigned slices = compute_of(candidate.offered()).slices;
  if (is_partly_closed(candidate)) {  // of its memory slices those that are kept are not told of
    const bool has_compute = slices_held + profile.compute_slices <= slices;
    return {has_compute ? Cause::Withheld : Cause::Held,
            fmt::format("{}, and beside that there is no room for a {}{}{}", candidate.uncut, profile.name,
                        holders.empty() ? "" : ": ", join(holders)),
            holders.size()};
  }
  const bool enough = held + size_of(profile) <= axis && slices_held + profile.compute_slices <= slices;
  return {enough ? Cause::NoRoom : Cause::Held,
          enough ? fmt::format("{} of {} memory slices are free, but not where a {} may stand: {}", axis - held, axis,
                               profile.name, join(holders))
                 : fmt::format("{} of {} memory slices are free: {}", axis - held, axis, join(holders)),
          holders.size()};
}

bool stands_at(const Candidate& candidate, const gpu::Placed& at) {
  const auto found = std::ranges::find(candidate.pieces, at, &Piece::placed);
  return found != candidate.pieces.end() && found->stands && !found->parted;
}

/// What stands and nobody has, also where it is larger than asked for; but not what has to go for what is promised.
void add_standing(const Candidate& candidate, const Need& need, std::vector<Option>& out) {
  const gpu::Layout fixed = fixed_layout(candidate);
  for (std::size_t i = 0; i < candidate.pieces.size(); ++i) {
    const Piece& piece = candidate.pieces[i];
    const gpu::Profile* of = candidate.profile(piece.placed.profile);
    if (!piece.held_by.empty() || !piece.stands || piece.parted || !of) continue;
    if (!gpu::fits(candidate.offered(), fixed, *of, piece.placed.placement)) continue;
    const Option option{.candidate = &candidate, .profile = of, .placement = piece.placed.placement, .piece = i};
    if (is_enough(*of, compute_of(candidate.offered()), need) && !fails_by_price(candidate, need, option))
      out.push_back(option);
  }
}

void add_new(const Candidate& candidate, const Need& need, std::span<const gpu::Profile* const> enough,
             std::vector<Option>& out) {
  const auto profiles = candidate.offered();
  const gpu::Layout fixed = fixed_layout(candidate);
  for (const gpu::Profile* profile : enough)
    for (const gpu::Placement at : profile->placements) {
      if (stands_at(candidate, {profile->id, at}) || !gpu::fits(profiles, fixed, *profile, at)) continue;
      Option option{
          .candidate = &candidate, .profile = profile, .placement = at, .switches_on = candidate.mig == MigMode::Off};
      if (fails_by_price(candidate, need, option)) continue;
      if (fixed.size() < candidate.pieces.size())
        option.destroyed =
            static_cast<unsigned>(make_room(profiles, standing_of(candidate), {profile->id, at})->steps.size() - 1);
      out.push_back(option);
    }
}

std::variant<std::vector<Option>, Failure> instances(const Candidate& candidate, const Need& need) {
  const auto enough = smallest_enough(candidate.offered(), need);
  if (enough.empty()) return too_small(candidate, need);
  if (auto failure = fails_by_price(candidate, need, {.candidate = &candidate, .profile = enough.front()}))
    return *std::move(failure);
  if (!candidate.held_by.empty()) return Failure{Cause::Held, fmt::format("{} has it", candidate.held_by)};
  std::vector<Option> out;
  add_standing(candidate, need, out);
  if (candidate.may_cut) add_new(candidate, need, enough, out);
  if (!out.empty()) return out;
  Failure failure = no_room(candidate, *enough.front());
  if (!candidate.may_cut && failure.cause == Cause::NoRoom) return not_to_be_cut(candidate);
  return failure;
}

/// Where MIG may be switched on: a part of the device, or all of it.
std::variant<std::vector<Option>, Failure> whole_or_cut(const Candidate& candidate, const Need& need) {
  if (need.mig == MigUse::Required) return instances(candidate, need);
  auto out = whole(candidate, need);
  if (need.whole()) return out;
  auto parts = instances(candidate, need);
  auto* more = std::get_if<0>(&parts);
  if (!more) return out;
  // The whole may be too dear, or nobody tells its memory.
  if (const auto* options = std::get_if<0>(&out)) more->insert(more->begin(), options->begin(), options->end());
  return parts;
}

Kind kind_of(const Option& option) {
  if (option.piece) return Kind::Instance;
  if (option.profile) return Kind::Placement;
  return option.share_milli > 0 ? Kind::Share : Kind::Device;
}

}  // namespace

bool is_partly_closed(const Candidate& candidate) { return candidate.may_cut && !candidate.uncut.empty(); }

unsigned size_of(const gpu::Profile& profile) { return profile.placements.empty() ? 0 : profile.placements[0].size; }

WholeCompute compute_of(std::span<const gpu::Profile> profiles) {
  const auto largest = std::ranges::max_element(profiles, {}, &gpu::Profile::compute_slices);
  return largest == profiles.end() ? WholeCompute{}
                                   : WholeCompute{std::max(1U, largest->compute_slices), largest->sm_count};
}

bool is_enough(const gpu::Profile& profile, const WholeCompute& whole, const Need& need) {
  return !profile.placements.empty() && is_large_enough(profile, whole, need);
}

std::vector<const gpu::Profile*> smallest_enough(std::span<const gpu::Profile> profiles, const Need& need) {
  const WholeCompute whole = compute_of(profiles);
  std::vector<const gpu::Profile*> enough, out;
  for (const gpu::Profile& one : profiles)
    if (is_enough(one, whole, need)) enough.push_back(&one);
  std::ranges::sort(enough, [](const auto* a, const auto* b) { return comes_before(*a, *b); });
  for (const gpu::Profile* one : enough)
    if (std::ranges::none_of(out, [&](const gpu::Profile* smaller) {
          return size_of(*smaller) <= size_of(*one) && smaller->compute_slices <= one->compute_slices;
        }))
      out.push_back(one);
  return out;
}

gpu::Layout fixed_layout(const Candidate& candidate) {
  gpu::Layout out;
  for (const Piece& one : candidate.pieces)
    if (!one.held_by.empty()) out.push_back(one.placed);
  return out;
}

std::vector<Standing> standing_of(const Candidate& candidate) {
  std::vector<Standing> out;
  for (const Piece& one : candidate.pieces) out.push_back({one.placed, one.held_by});
  return out;
}

std::optional<std::int64_t> price_of(const Option& option) {
  const auto& whole = option.candidate->price_micros;
  if (!whole) return std::nullopt;
  if (option.profile) return *whole * option.profile->compute_slices / compute_of(option.candidate->offered()).slices;
  return option.share_milli > 0 ? *whole * option.share_milli / 1000 : *whole;
}

Grant grant_of(std::size_t number, const Option& option, const Need& need) {
  const Candidate& on = *option.candidate;
  Grant out{.candidate = number,
            .cluster = on.cluster,
            .node = on.node,
            .device_id = on.id,
            .device_uuid = on.uuid,
            .model = on.model,
            .kind = kind_of(option),
            .price_micros = price_of(option)};
  if (!option.profile) {
    out.memory_bytes = on.memory_bytes;
    out.sm_count = on.sm_count;
    if (option.share_milli == 0) return out;
    out.share_milli = option.share_milli;
    out.replicas = on.shares->replicas;
    out.resource = on.shares->resource;
    out.memory_bytes = need.memory_mib ? std::optional(*need.memory_mib * 1024 * 1024) : std::nullopt;
    return out;
  }
  out.profile = option.profile->name;
  out.placed = gpu::Placed{option.profile->id, option.placement};
  out.memory_bytes = option.profile->memory_bytes;
  out.compute_slices = option.profile->compute_slices;
  out.sm_count = option.profile->sm_count;
  if (option.piece) {
    out.gpu_instance = on.pieces[*option.piece].gpu_instance;
    out.instance_uuid = on.pieces[*option.piece].uuid;
  } else {
    out.switches_on = option.switches_on;
    out.partition = *make_room(on.offered(), standing_of(on), *out.placed);
  }
  return out;
}

std::variant<std::vector<Option>, Failure> examine(const Candidate& candidate, const Need& need) {
  if (auto failure = fails_by_kind(candidate, need)) return *std::move(failure);
  if (candidate.mig == MigMode::Off && may_cut(candidate, need)) return whole_or_cut(candidate, need);
  if (may_cut(candidate, need)) return instances(candidate, need);
  return may_share(candidate, need) ? share(candidate, need) : whole(candidate, need);
}

}  // namespace tessera::fleet::decision
