#include "fleet/decision/what_if.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace tessera::fleet::decision {
namespace {

bool is_meant(const Candidate& one, std::string_view model) {
  return one.model == model || std::string_view(one.model).substr(0, one.model.find('_')) == model;
}

Error no_such_model(const Supply& supply, std::string_view model) {
  std::set<std::string_view> known;
  for (const Candidate& one : supply.candidates) known.insert(one.model);
  return fail(Code::NotFound,
              "the fleet has no device of model '{}', whose driver would tell what it offers; it has {}", model,
              fmt::join(known, ", "));
}

}  // namespace

Result<Supply> with_more(Supply supply, unsigned count, std::string_view model) {
  const auto like = std::ranges::find_if(supply.candidates, [&](const Candidate& one) { return is_meant(one, model); });
  if (like == supply.candidates.end()) return no_such_model(supply, model);
  Candidate one = *like;
  one.pieces.clear();
  one.held_by.clear();
  one.may_move = false;
  one.idle.reset();
  one.unfit.clear();
  if (one.shares) one.shares = Shares{one.shares->replicas, 1000, one.memory_bytes.value_or(0)};
  constexpr unsigned kOfNode = 8;
  const auto before = static_cast<unsigned>(std::ranges::count_if(
      supply.candidates, [](const Candidate& other) { return other.node.starts_with("what-if-"); }));
  for (unsigned i = before; i < before + count; ++i) {
    one.node = fmt::format("what-if-{}", i / kOfNode + 1);
    one.id = fmt::format("{}-GPU-{:02}", one.node, i % kOfNode);
    one.uuid = fmt::format("what-if-{}", i + 1);
    supply.candidates.push_back(one);
  }
  return supply;
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

Served serve(Supply supply, std::span<const Need> needs, Policy& policy) {
  Stock stock(std::move(supply));
  Served out;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const auto verdict = decide(stock, needs[i], policy);
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
