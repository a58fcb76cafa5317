#include "server/node_changes/listing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace tessera::server::nodes {
namespace {

constexpr std::string_view kWhole = "nvidia.com/gpu";
constexpr std::string_view kMig = "nvidia.com/mig-";
constexpr std::string_view kShared = ".shared";  // what a plugin that shares devices may add to their name

/// By the name without that.
fleet::GpuAmounts plain(const fleet::GpuAmounts& amounts) {
  fleet::GpuAmounts out;
  for (const auto& [name, amount] : amounts)
    out[name.ends_with(kShared) ? name.substr(0, name.size() - kShared.size()) : name] += amount;
  return out;
}

class Comparison {
 public:
  Comparison(bool all_known, fleet::GpuAmounts allocatable) : all_known_(all_known), allocatable_(plain(allocatable)) {}

  void expect(const std::string& resource, std::int64_t stands) {
    const auto found = allocatable_.find(resource);
    const std::int64_t given = found == allocatable_.end() ? 0 : found->second;
    const bool fits = all_known_ ? given > 0 && given % stands == 0 : given >= stands;
    if (fits) return;
    too_much_ = too_much_ || (all_known_ && given > stands);
    differences_.push_back(fmt::format("{} of {} {}", given, stands, resource));
  }
  void expect_none(const std::string& resource, std::int64_t given) {
    if (given == 0 || !all_known_) return;
    too_much_ = true;
    differences_.push_back(fmt::format("{} {} that do not stand", given, resource));
  }
  const fleet::GpuAmounts& allocatable() const { return allocatable_; }
  Listing result() const {
    if (differences_.empty()) return {true, false, {}};
    return {false, too_much_, fmt::format("the node lists {}", fmt::join(differences_, ", "))};
  }

 private:
  bool all_known_;
  fleet::GpuAmounts allocatable_;
  bool too_much_ = false;
  std::vector<std::string> differences_;
};

Listing compare_mixed(const std::map<std::string, std::int64_t>& stands, Comparison comparison) {
  for (const auto& [resource, count] : stands) comparison.expect(resource, count);
  for (const auto& [resource, given] : comparison.allocatable())
    if (resource.starts_with(kMig) && !stands.contains(resource)) comparison.expect_none(resource, given);
  return comparison.result();
}

/// One name for all instances, which have to be alike on all devices.
Listing compare_single(const CutNode& stands, const std::map<std::string, std::int64_t>& by_resource,
                       Comparison comparison) {
  const bool all_cut = std::ranges::all_of(stands, [](const auto& one) { return !one || one->mig; });
  const bool any_cut = std::ranges::any_of(stands, [](const auto& one) { return one && one->mig; });
  if (!any_cut) return {true, false, {}};  // whole devices: no layout is listed
  std::int64_t count = 0;
  for (const auto& [resource, of_it] : by_resource) count += of_it;
  const std::string whole(kWhole);
  if (!all_cut || by_resource.size() > 1) {
    const auto given = comparison.allocatable().find(whole);
    return {false, given != comparison.allocatable().end() && given->second > 0,
            "with the strategy single the plugin lists nothing unless all devices of the node are cut into instances "
            "of one profile"};
  }
  if (count > 0) {
    comparison.expect(whole, count);
  } else if (const auto given = comparison.allocatable().find(whole); given != comparison.allocatable().end()) {
    comparison.expect_none(whole, given->second);
  }
  return comparison.result();
}

}  // namespace

std::string mig_resource(std::string_view profile) {
  std::string out(kMig);
  out += profile;
  std::ranges::replace(out, '+', '.');
  return out;
}

Strategy strategy_of(Strategy asked, const fleet::LabelMap& node_labels) {
  if (asked != Strategy::Auto) return asked;
  const auto label = node_labels.find(std::string(kStrategyLabel));
  if (label != node_labels.end() && label->second == "single") return Strategy::Single;
  if (label != node_labels.end() && label->second == "none") return Strategy::None;
  return Strategy::Mixed;
}

Listing compare(const CutNode& stands, Strategy strategy, const fleet::GpuAmounts& allocatable) {
  if (strategy == Strategy::None) return {true, false, {}};  // instances are not listed at all
  const bool all_known = std::ranges::all_of(stands, [](const auto& one) { return one.has_value(); });
  std::map<std::string, std::int64_t> by_resource;
  for (const auto& one : stands)
    if (one)
      for (const std::string& profile : one->profiles) ++by_resource[mig_resource(profile)];
  Comparison comparison(all_known, allocatable);
  return strategy == Strategy::Single ? compare_single(stands, by_resource, std::move(comparison))
                                      : compare_mixed(by_resource, std::move(comparison));
}

}  // namespace tessera::server::nodes
