#include "fleet/decision/policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "fleet/decision/default_policy.h"
#include "fleet/decision/options.h"

namespace tessera::fleet::decision {
namespace {

/// Of `total`, in thousandths.
double milli(double part, double total) { return total > 0 ? 1000 * part / total : 0; }

unsigned axis_of(std::span<const gpu::Profile> profiles) {
  unsigned end = 0;
  for (const gpu::Profile& one : profiles)
    for (const gpu::Placement at : one.placements) end = std::max(end, at.start + at.size);
  return end;
}

/// What is free on the device beside what the option takes.
double left_milli(const Option& option) {
  const Candidate& on = *option.candidate;
  if (!option.profile) return option.share_milli == 0 ? 0 : milli(on.shares->left - 1, on.shares->replicas);
  unsigned taken = size_of(*option.profile);
  for (const gpu::Placed& one : fixed_layout(on)) taken += one.placement.size;
  const unsigned axis = axis_of(on.offered());
  return milli(axis - std::min(axis, taken), axis);
}

/// What is given beyond what was asked for, as a part of the device's memory.
double surplus_milli(const Option& option, const Need& need) {
  if (need.whole() || option.share_milli > 0) return 0;
  const double device = static_cast<double>(option.candidate->memory_bytes.value_or(0));
  const double given = option.profile ? static_cast<double>(option.profile->memory_bytes) : device;
  const double asked = static_cast<double>(need.memory_mib.value_or(0)) * 1024 * 1024;
  return milli(std::max(0.0, given - asked), device);
}

/// How many places for instances the driver still offers beside `taken`.
std::size_t open_places(std::span<const gpu::Profile> profiles, std::span<const gpu::Placed> taken) {
  std::size_t count = 0;
  for (const gpu::Profile& one : profiles)
    count += static_cast<std::size_t>(
        std::ranges::count_if(one.placements, [&](gpu::Placement at) { return gpu::fits(profiles, taken, one, at); }));
  return count;
}

double blocked(const Option& option) {
  const auto profiles = option.candidate->offered();
  gpu::Layout layout = fixed_layout(*option.candidate);
  const auto before = open_places(profiles, layout);
  if (!option.profile) return option.share_milli > 0 ? 0 : static_cast<double>(before);
  layout.push_back({option.profile->id, option.placement});
  return static_cast<double>(before) - static_cast<double>(open_places(profiles, layout));
}

Cost first_fit(const Option&, const Need&) { return {}; }

Cost best_fit(const Option& option, const Need& need) {
  const double left = left_milli(option), surplus = surplus_milli(option, need);
  return {left + surplus, {{"left", left}, {"surplus", surplus}}};
}

Cost fragmentation(const Option& option, const Need& need) {
  const double more = blocked(option), surplus = surplus_milli(option, need);
  return {more + surplus, {{"blocked", more}, {"surplus", surplus}}};
}

/// A price that nobody has told comes after those that are told.
Cost cheapest(const Option& option, const Need&) {
  const auto price = price_of(option);
  const double micros = price ? static_cast<double>(*price) : 1e18;
  return {micros, {{price ? "price" : "no_price", micros}}};
}

Cost emptiest(const Option& option, const Need& need) {
  const double left = left_milli(option), surplus = surplus_milli(option, need);
  return {surplus - left, {{"left", left}, {"surplus", surplus}}};
}

/// A device that is in use before one that is not; of those in use the one with less left.
Cost packed(const Option& option, const Need& need) {
  Cost out = best_fit(option, need);
  constexpr double kOpened = 2000;  // more than all that can be left and be too much
  if (option.profile && option.candidate->is_empty()) {
    out.value += kOpened;
    out.terms.push_back({"opened", kOpened});
  }
  return out;
}

struct Named {
  std::string_view name, node_policy;
  Cost (*cost)(const Option&, const Need&);  ///< null of those that know the mix and have a file of their own
  bool weighs_devices = false;
};
constexpr Named kPolicies[] = {
    {"firstfit", "firstfit", first_fit},     {"packing", "packing", packed}, {"bestfit", "bestfit", best_fit},
    {"fragmentation", "fgd", fragmentation}, {"fgd", "fgd", nullptr},        {"cost", "bestfit", cheapest, true},
    {"spread", "spread", emptiest},          {"default", "default", nullptr}};

struct Text {
  std::string_view key, before, after;
  double per = 1;  ///< of the value in one that is shown
};
constexpr Text kTexts[] = {{"left", "beside it ", " thousandths of the device stay free"},
                           {"surplus", "it has ", " thousandths of the device's memory more than asked for"},
                           {"blocked", "it blocks ", " places at which an instance could stand"},
                           {"opened", "nobody has anything of its device yet", ""},
                           {"score", "its node scores ", "", -1},  // of scores the higher is the better one
                           {"price", "it costs ", " an hour", 1e6},
                           {"no_price", "nobody has told its price", ""}};

class ByRule : public Policy {
 public:
  ByRule(const Named& rule, Mix mix) : rule_(rule), mix_(std::move(mix)) {}
  std::string_view name() const override { return rule_.name; }
  const Mix& mix() const override { return mix_; }
  std::string_view node_policy() const override { return rule_.node_policy; }
  bool weighs_devices() const override { return rule_.weighs_devices; }
  Cost cost(const Option& option, const Need& need) override { return rule_.cost(option, need); }
  std::string explain(const Term& term) const override {
    const auto* text = std::ranges::find(kTexts, term.key, &Text::key);
    if (text->key == "no_price" || text->key == "opened") return std::string(text->before);
    return fmt::format("{}{:.{}f}{}", text->before, term.value / text->per, text->per > 1 ? 2 : 0, text->after);
  }

 private:
  const Named& rule_;
  Mix mix_;
};

}  // namespace

std::span<const std::string_view> policy_names() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, std::size(kPolicies)> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = kPolicies[i].name;
    return names;
  }();
  return kNames;
}

Mix mix_of(std::span<const Need> needs) {
  std::map<Need, std::size_t> counts;
  for (const Need& one : needs) ++counts[one];
  Mix out;
  for (const auto& [need, count] : counts)
    out.push_back({need, static_cast<double>(count) / static_cast<double>(needs.size())});
  return out;
}

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, Mix mix) {
  const auto* found = std::ranges::find(kPolicies, name, &Named::name);
  if (found == std::end(kPolicies))
    return fail(Code::NotFound, "there is no policy '{}'; there are {}", name, fmt::join(policy_names(), ", "));
  if (found->name == "default") return default_policy(std::move(mix));
  if (found->name == "fgd") return fragmentation_gradient(std::move(mix));
  return std::unique_ptr<Policy>(std::make_unique<ByRule>(*found, std::move(mix)));
}

}  // namespace tessera::fleet::decision
