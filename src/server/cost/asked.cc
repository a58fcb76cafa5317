#include "server/cost/asked.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMostPieces = 1'000;

void read_window(Query& query, CostAsked& into, std::string_view fallback, EpochMs now) {
  std::string text = query.text("window").value_or(std::string(fallback));
  std::ranges::replace(text, ' ', '+');  // of an offset, as URLs have it
  const auto window = fleet::parse_window(text, now, into.zone);
  if (window)
    into.window = *window;
  else
    query.fault("window", window.error().what);
}

Result<fleet::CostKey> key_named(const std::string& name, const fleet::OwnerRules& owners) {
  constexpr std::string_view kLabel = "label:";
  if (name.starts_with(kLabel)) return fleet::cost_label(owners, std::string_view(name).substr(kLabel.size()));
  if (const auto dimension = fleet::cost_dimension_named(name)) return fleet::CostKey(*dimension);
  return fail(Code::Invalid, "'{}', but all alone, or one of {}, label:NAME is expected", name,
              fleet::cost_dimension_names());
}

}  // namespace

CostAsked read_cost_window(Query& query, const CostSettings& settings, std::string_view fallback, EpochMs now) {
  CostAsked out;
  if (auto zone = fleet::Zone::named(query.text("timezone").value_or(settings.time_zone)))
    out.zone = *std::move(zone);
  else
    query.fault("timezone", zone.error().what);
  read_window(query, out, fallback, now);
  out.pieces = {out.window};
  return out;
}

CostAsked read_cost_query(Query& query, const Costs& costs, std::string_view fallback, EpochMs now) {
  CostAsked out = read_cost_window(query, costs.settings(), fallback, now);
  if (auto filter = fleet::CostFilter::parse(query.text("filter").value_or(""), costs.owners()))
    out.options.filter = *std::move(filter);
  else
    query.fault("filter", filter.error().what);
  return out;
}

void read_sharing(Query& query, const CostSettings& settings, CostAsked& into) {
  constexpr fleet::ShareIdle kShares[] = {fleet::ShareIdle::No, fleet::ShareIdle::Weighted, fleet::ShareIdle::Weighted,
                                          fleet::ShareIdle::Even};
  const auto at = query.word("shareIdle", {"false", "true", "weighted", "even"});
  into.options.share_idle = at ? kShares[*at] : settings.share_idle;
  into.options.idle_by_node = query.flag("idleByNode").value_or(false);
}

void read_aggregate(Query& query, const Costs& costs, CostAsked& into, const std::vector<fleet::CostKey>& fallback) {
  const auto names = query.texts("aggregate");
  if (names.empty()) into.options.aggregate = fallback;
  if (names.size() == 1 && names.front() == "all") return;
  for (const std::string& name : names) {
    if (auto key = key_named(name, costs.owners()))
      into.options.aggregate.push_back(*std::move(key));
    else
      query.fault("aggregate", key.error().what);
  }
}

void read_pieces(Query& query, CostAsked& into, fleet::Accumulate fallback) {
  const auto accumulate = query.text("accumulate");
  const auto step = query.duration("step");
  const auto by = accumulate ? fleet::accumulate_named(*accumulate) : std::nullopt;
  if (accumulate && !by && *accumulate != "false")
    query.fault("accumulate",
                fmt::format("'{}', but one of true, false, hour, day, week, month, quarter is expected", *accumulate));
  if (into.window.from >= into.window.to) {
    into.pieces.clear();
  } else if (step && !by) {
    auto pieces = fleet::pieces(into.window, *step);
    if (!pieces) query.fault("step", pieces.error().what);
    if (pieces) into.pieces = *std::move(pieces);
  } else {
    into.pieces = fleet::pieces(into.window, by.value_or(fallback), into.zone);
  }
  if (into.pieces.size() > kMostPieces)
    query.fault(step ? "step" : "accumulate",
                fmt::format("{} pieces of the window; {} at most: ask for a shorter window "
                            "or longer pieces",
                            into.pieces.size(), kMostPieces));
}

void keep_visible(std::vector<fleet::CostRow>& rows, const Viewer& viewer) {
  if (!viewer.restricted()) return;
  std::erase_if(rows, [&](const fleet::CostRow& row) {
    return !row.owner || !fleet::is_allocated(row.kind) || row.owner->space.empty() || !viewer.sees(row.owner->space);
  });
}

}  // namespace tessera::server
