#include "relay/series_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kName = "__name__";

/// Also where it is empty: so a page says that its series has none, and not its target's (a Pushgateway does for
/// `instance`, and dcgm-exporter for the pod of a GPU that nobody uses).
bool stands_there(std::span<const metrics::Label> scraped, std::string_view name) {
  return std::ranges::any_of(scraped, [&](const metrics::Label& label) { return label.name == name; });
}

/// The scraped value of a label that the target has too moves to the first free `exported_` name.
void export_label(Labels& labels, std::span<const metrics::Label> scraped, const metrics::Label& label) {
  std::string name(label.name);
  const auto taken = [&] { return !value_of(labels, name).empty() || stands_there(scraped, name); };
  do name.insert(0, "exported_");
  while (taken());
  set_label(labels, name, label.value);
}

Labels merged(std::string_view name, std::span<const metrics::Label> scraped, const SeriesRules& rules) {
  std::vector<Label> own;
  own.reserve(scraped.size() + 1 + rules.target.size());
  own.push_back({std::string(kName), std::string(name)});
  for (const auto& [label, value] : scraped)
    if (rules.honor_labels || value_of(rules.target, label).empty())
      own.push_back({std::string(label), std::string(value)});
  Labels labels = to_labels(std::move(own));
  for (const Label& label : rules.target)
    if (!rules.honor_labels || !stands_there(scraped, label.name)) set_label(labels, label.name, label.value);
  if (!rules.honor_labels)
    for (const metrics::Label& label : scraped)
      if (!label.value.empty() && !value_of(rules.target, label.name).empty()) export_label(labels, scraped, label);
  return labels;
}

void add_external(Labels& labels, const Labels& external) {
  for (const Label& label : external)
    if (value_of(labels, label.name).empty()) set_label(labels, label.name, label.value);
}

Ruled unfit(std::string why, std::optional<std::string> label = {}) {
  return {Ruled::Outcome::Unfit, {}, std::move(why), std::move(label)};
}

Ruled exceeds(std::string why, std::optional<std::string> label = {}) {
  return {Ruled::Outcome::Exceeds, {}, std::move(why), std::move(label)};
}

std::optional<Ruled> check_names(const Labels& labels) {
  const std::string_view name = value_of(labels, kName);
  if (!is_metric_name(name))
    return unfit(
        fmt::format("metric name '{}': letters, digits, _ and : expected (rename it with metric_relabel_configs)",
                    valid_utf8(name)));
  for (const Label& label : labels)
    if (!is_label_name(label.name))
      return unfit(fmt::format("label name '{}' of {}: letters, digits and _ expected (rename it with labelmap)",
                               valid_utf8(label.name), name),
                   label.name);
  return std::nullopt;
}

std::optional<Ruled> check_limits(const Labels& labels, const ScrapeLimits& limits) {
  const std::string_view name = value_of(labels, kName);
  if (limits.labels && labels.size() > *limits.labels)
    return exceeds(fmt::format("label_limit: {} has {} labels, {} are allowed", name, labels.size(), *limits.labels));
  for (const auto& [label, value] : labels) {
    if (limits.label_name_length && label.size() > *limits.label_name_length)
      return exceeds(fmt::format("label_name_length_limit: {} has a label name of {} bytes, {} are allowed", name,
                                 label.size(), *limits.label_name_length),
                     label);
    if (limits.label_value_length && value.size() > *limits.label_value_length)
      return exceeds(fmt::format("label_value_length_limit: label {} of {} has {} bytes, {} are allowed", label, name,
                                 value.size(), *limits.label_value_length),
                     label);
  }
  return std::nullopt;
}

}  // namespace

Ruled rule(std::string_view name, std::span<const metrics::Label> scraped, const SeriesRules& rules) {
  Ruled out;
  out.labels = merged(name, scraped, rules);
  if (!relabel(rules.metric_relabel, out.labels)) return {Ruled::Outcome::Dropped, {}, {}, {}};
  if (auto exceeded = check_limits(out.labels, rules.limits)) return *std::move(exceeded);
  if (auto bad = check_names(out.labels)) return *std::move(bad);
  add_external(out.labels, rules.external);
  return out;
}

Result<std::optional<Labels>> series_labels(std::string_view name, std::span<const metrics::Label> scraped,
                                            const SeriesRules& rules) {
  Ruled ruled = rule(name, scraped, rules);
  if (ruled.outcome == Ruled::Outcome::Exceeds) return Error{Code::Invalid, std::move(ruled.why)};
  if (ruled.outcome != Ruled::Outcome::Goes) return std::optional<Labels>();
  return std::optional(std::move(ruled.labels));
}

Labels target_series_labels(std::string_view name, const SeriesRules& rules) {
  Labels labels = rules.target;
  set_label(labels, kName, name);
  add_external(labels, rules.external);
  return labels;
}

}  // namespace tessera::relay
