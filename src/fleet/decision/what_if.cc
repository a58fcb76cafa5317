#include "fleet/decision/what_if.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "fleet/decision/published.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::string_view kNode = "what-if-";

bool is_meant(const Candidate& one, std::string_view model) { return is_called(one.model, model); }

Error no_such_model(const Supply& supply, std::string_view model) {
  std::set<std::string_view> known;
  for (const Candidate& one : supply.candidates) known.insert(one.model);
  return fail(Code::NotFound,
              "the fleet has no device of model '{}', whose driver would tell what it offers; it has {}", model,
              fmt::join(known, ", "));
}

Candidate emptied(Candidate one) {
  one.pieces.clear();
  one.held_by.clear();
  one.may_move = false;
  one.idle.reset();
  one.unfit.clear();
  one.withheld = false;
  one.uncut.clear();
  one.may_cut = true;
  if (one.shares) {
    one.shares->left = one.shares->replicas;
    one.shares->left_memory_bytes = one.memory_bytes.value_or(0);
  }
  return one;
}

/// Of a device that may not be cut its places may be known alone at which something stands: then one more is cut as it
/// is. A driver tells of no profile without a place.
std::string assumed_of(const Candidate& like) {
  if (like.may_cut || std::ranges::none_of(like.offered(), [](const auto& one) { return one.placements.empty(); }))
    return {};
  return fmt::format("{}: those that are added are assumed to be cut as {} is, and not otherwise: {}", like.model,
                     like.id, like.uncut);
}

/// What one more device of the model is like, and the node that it is like on.
struct Like {
  Candidate device;
  std::string node{}, assumed{};
};

Result<Like> one_more(const Supply& supply, std::string_view model, std::string_view cluster) {
  const auto like = std::ranges::find_if(supply.candidates, [&](const Candidate& one) { return is_meant(one, model); });
  if (like != supply.candidates.end()) return Like{emptied(*like), like->node, assumed_of(*like)};
  auto published = published_device(model);
  if (!published && published.error().code == Code::NotFound) {
    const Error here = no_such_model(supply, model);
    return fail(Code::NotFound, "{}. {}", here.what, published.error().what);
  }
  Like out{TRY(std::move(published))};
  out.device.cluster = cluster;
  out.assumed = fmt::format(
      "{}: the fleet has none, so its geometry is assumed as published; a driver of its own may offer other sizes. Its "
      "nodes are assumed to have no labels and no taints, and its price is not known",
      out.device.model);
  return out;
}

}  // namespace

Result<Grown> with_more(Supply supply, unsigned count, std::string_view model, std::string_view cluster) {
  Like like = TRY(one_more(supply, model, cluster));
  constexpr unsigned kOfNode = 8;
  std::set<std::string_view> nodes;
  unsigned devices = 0;
  for (const Candidate& other : supply.candidates)
    if (other.node.starts_with(kNode)) {
      nodes.insert(other.node);
      ++devices;
    }
  const auto first = nodes.size() + 1;
  Grown out{std::move(supply), {}, std::move(like.assumed)};
  Candidate& one = like.device;
  for (unsigned i = 0; i < count; ++i) {
    if (i % kOfNode == 0) {
      one.node = fmt::format("{}{}", kNode, first + i / kOfNode);
      out.nodes.push_back({one.node, like.node});
    }
    one.id = fmt::format("{}-GPU-{:02}", one.node, i % kOfNode);
    one.uuid = fmt::format("{}{}", kNode, devices + i + 1);
    out.supply.candidates.push_back(one);
  }
  return out;
}

Result<Supply> cut_as(Supply supply, std::string_view model, std::string_view profile) {
  bool any_of_model = false, any = false;
  for (Candidate& one : supply.candidates) {
    if (!is_meant(one, model)) continue;
    any_of_model = true;
    const auto of = std::ranges::find(one.offered(), profile, &gpu::Profile::name);
    if (of == one.offered().end()) continue;
    any = true;
    if (!one.unfit.empty() || !one.held_by.empty()) continue;
    std::erase_if(one.pieces, [](const Piece& piece) { return piece.held_by.empty(); });
    one.mig = MigMode::On;
    one.may_cut = false;
    gpu::Layout layout;
    for (const Piece& piece : one.pieces) layout.push_back(piece.placed);
    for (const gpu::Placement at : of->placements)
      if (gpu::fits(one.offered(), layout, *of, at)) {
        layout.push_back({of->id, at});
        one.pieces.push_back({.placed = layout.back()});
      }
    std::ranges::sort(one.pieces, {}, [](const Piece& piece) { return piece.placed.placement; });
  }
  if (!any_of_model) return no_such_model(supply, model);
  if (!any) return fail(Code::NotFound, "no device of model '{}' offers the profile '{}'", model, profile);
  return supply;
}

Served serve(Supply supply, std::span<const Need> needs, Policy& policy, std::span<const Scope> scopes) {
  Stock stock(std::move(supply));
  Served out;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const auto verdict = decide_in_short(stock, needs[i], policy, scopes.empty() ? Scope() : scopes[i]);
    const auto* decision = std::get_if<Decision>(&verdict);
    if (!decision) continue;
    out.needs.push_back(i);
    for (const Grant& one : decision->grants)
      stock.set(one.candidate,
                with(stock.supply().candidates[one.candidate], one, fmt::format("what-if {}", i), false));
  }
  out.empty_devices = static_cast<std::size_t>(std::ranges::count_if(
      stock.supply().candidates, [](const Candidate& one) { return one.unfit.empty() && one.is_empty(); }));
  return out;
}

}  // namespace tessera::fleet::decision
