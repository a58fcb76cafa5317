#include "fleet/inventory/layout.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gpu/profile_name.h"

namespace tessera::fleet {
namespace {

std::optional<unsigned> number(std::string_view text) {
  const auto value = parse_int(text);
  return value && *value >= 0 && *value <= 0xFFFF ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
}

}  // namespace

std::string layout_text(const LayoutSeen& seen) {
  if (!seen.mig) return "-";
  std::string out;
  for (const auto& [part, facts] : seen.instances) {
    if (!out.empty()) out += '|';
    out += fmt::format("{}", part.gpu_instance.value_or(0));
    if (part.compute_instance) out += fmt::format(".{}", *part.compute_instance);
    if (!facts->profile.empty()) out += fmt::format(" {}", facts->profile);
    if (facts->placement) out += fmt::format(" {}+{}", facts->placement->start, facts->placement->size);
  }
  return out;
}

void read_layout(std::string_view text, LayoutSeen& into) {
  into.mig = text != "-";
  if (!into.mig || text.empty()) return;
  for (const std::string_view one : split(text, '|')) {
    const auto words = split(one, ' ');
    const auto ids = split(words[0], '.');
    Part part{number(ids[0]), ids.size() > 1 ? number(ids[1]) : std::nullopt};
    if (!part.gpu_instance) continue;
    InstanceFacts facts;
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto place = split(words[i], '+');
      const auto start = place.size() == 2 ? number(place[0]) : std::nullopt;
      const auto size = place.size() == 2 ? number(place[1]) : std::nullopt;
      if (start && size)
        facts.placement = gpu::Placement{*start, *size};
      else
        facts.profile = words[i];
    }
    if (const auto name = gpu::parse_profile_name(facts.profile)) facts.compute_slices = name->compute_slices;
    into.instances.emplace_back(part, std::make_shared<const InstanceFacts>(std::move(facts)));
  }
}

}  // namespace tessera::fleet
