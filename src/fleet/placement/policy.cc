#include "fleet/placement/policy.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>
#include "fleet/placement/baselines.h"
#include "fleet/placement/default_policy.h"
#include "fleet/placement/fragmentation.h"

namespace tessera::fleet::placement {
namespace {

struct Named {
  std::string_view name;
  std::unique_ptr<Policy> (*make)(const Knowledge&);
};

constexpr Named kPolicies[] = {
    {"random", [](const Knowledge& knowledge) { return make_random(knowledge.seed); }},
    {"dotprod", [](const Knowledge&) { return make_dotprod(); }},
    {"clustering", [](const Knowledge&) { return make_clustering(); }},
    {"packing", [](const Knowledge&) { return make_packing(); }},
    {"bestfit", [](const Knowledge&) { return make_bestfit(); }},
    {"firstfit", [](const Knowledge&) { return make_firstfit(); }},
    {"spread", [](const Knowledge&) { return make_spread(); }},
    {"fgd", [](const Knowledge& knowledge) { return make_fgd(knowledge.mix); }},
    {"default",
     [](const Knowledge& knowledge) { return make_default(knowledge.mix, knowledge.nodes, knowledge.leaving); }},
};

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kPolicies)> names;
  std::ranges::transform(kPolicies, names.begin(), &Named::name);
  return names;
}();

}  // namespace

std::span<const std::string_view> policy_names() { return kNames; }

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, const Knowledge& knowledge) {
  const auto* const named = std::ranges::find(kPolicies, name, &Named::name);
  if (named == std::end(kPolicies))
    return fail(Code::NotFound, "policy '{}': no such policy; there are {}", name, fmt::join(kNames, ", "));
  return named->make(knowledge);
}

}  // namespace tessera::fleet::placement
