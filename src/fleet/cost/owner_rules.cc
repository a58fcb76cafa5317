#include "fleet/cost/owner_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace tessera::fleet {
namespace {

constexpr std::array<std::string_view, kOwnerFields> kNames = {"team", "project", "cost-centre"};

// Databases tell owners apart by an index whose rows PostgreSQL takes up to 2704 bytes of. An annotation may have 256
// KiB: what is longer than a label's value may be is left out, and with these limits all that names an owner has room.
constexpr std::size_t kMostValueBytes = 63, kMostKept = 10, kMostKeptBytes = 500;

/// Empty where there is no such label.
std::string_view label_of(const PodLabels& of, const std::string& key) {
  for (const LabelMap* labels : {of.pod, of.space_labels, of.space_annotations}) {
    if (!labels) continue;
    const auto found = labels->find(key);
    if (found != labels->end() && !found->second.empty() && found->second.size() <= kMostValueBytes)
      return found->second;
  }
  return {};
}

/// Empty where the rule does not match.
std::string_view value_by(const OwnerRule& rule, const PodLabels& of) {
  if (!rule.name_space.empty() && !matches(rule.name_space, of.space)) return {};
  if (rule.label.empty()) return rule.text;
  const std::string_view label = label_of(of, rule.label);
  return label.empty() || rule.text.empty() ? label : std::string_view(rule.text);
}

/// As Prometheus has it, and so OpenCost.
std::string sanitized(std::string_view name) {
  std::string out(name);
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return out;
}

constexpr std::array<CostDimension, kOwnerFields> kDimensions = {CostDimension::Team, CostDimension::Project,
                                                                 CostDimension::CostCentre};

}  // namespace

std::string_view owner_field_name(OwnerField field) { return kNames[static_cast<std::size_t>(field)]; }

OwnerRules default_owner_rules(const std::vector<std::string>& team_labels) {
  OwnerRules out;
  const auto add = [&](OwnerField field, const std::string& label) { out.rules.push_back({field, "", label, ""}); };
  for (const std::string& label : team_labels) add(OwnerField::Team, label);
  add(OwnerField::Project, "project");
  add(OwnerField::CostCentre, "cost-centre");
  add(OwnerField::CostCentre, "cost-center");
  return out;
}

Result<CostKey> cost_label(const OwnerRules& rules, std::string_view name) {
  // A rule that says a value itself has not kept what the label says.
  std::vector<std::pair<std::string_view, CostDimension>> known;
  for (const std::string& one : rules.keep)
    if (!one.empty()) known.emplace_back(one, CostDimension::Label);
  for (const OwnerRule& one : rules.rules)
    if (!one.label.empty() && one.text.empty())
      known.emplace_back(one.label, kDimensions[static_cast<std::size_t>(one.field)]);
  auto found = std::ranges::find(known, name, [](const auto& one) { return one.first; });
  if (found == known.end())
    found = std::ranges::find(known, name, [](const auto& one) { return sanitized(one.first); });
  if (found != known.end()) return CostKey(found->second, std::string(found->first));
  std::vector<std::string_view> names;
  for (const auto& [one, dimension] : known)
    if (std::ranges::find(names, one) == names.end()) names.push_back(one);
  return fail(Code::Invalid,
              "label '{}' is not kept in the ledger; those that can be asked for: {}. gpu.management.cost.labels names "
              "labels to keep from then on, gpu.management.cost.owners those that say whose a pod is",
              name, names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

Result<void> check(const OwnerRules& rules) {
  for (std::size_t i = 0; i < rules.rules.size(); ++i)
    if (rules.rules[i].label.empty() && rules.rules[i].text.empty())
      return fail(Code::Invalid, "owner rule {}: a label or a value expected, which says whose the pods are", i + 1);
  std::size_t bytes = 0;
  for (const std::string& one : rules.keep) {
    if (one.empty()) return fail(Code::Invalid, "a label that is kept has no name");
    bytes += one.size();
  }
  if (rules.keep.size() > kMostKept || bytes > kMostKeptBytes)
    return fail(
        Code::Invalid,
        "{} labels with names of {} bytes: at most {} are kept, with names of {} bytes together, as each line of "
        "the ledger is told apart by them",
        rules.keep.size(), bytes, kMostKept, kMostKeptBytes);
  return {};
}

bool matches(std::string_view pattern, std::string_view name) {
  // Behind the last star everything is tried once for each place: linear in both, times the number of stars.
  std::size_t p = 0, n = 0, star = std::string_view::npos, behind = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      behind = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++behind;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

OwnerFound find_owner(const OwnerRules& rules, const PodLabels& of) {
  OwnerFound out;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const OwnerRule& rule = rules.rules[i];
    const std::string_view value = value_by(rule, of);
    if (value.empty()) continue;
    OwnerMatch& match = out.fields[static_cast<std::size_t>(rule.field)];
    if (!match.rule)
      match = {std::string(value), i, std::nullopt};
    else if (!match.contradicted_by && match.value != value)
      match.contradicted_by = i;
  }
  for (const std::string& key : rules.keep)
    if (const std::string_view value = label_of(of, key); !value.empty()) out.labels.emplace(key, value);
  out.overhead = std::ranges::any_of(rules.overhead, [&](const auto& pattern) { return matches(pattern, of.space); });
  return out;
}

}  // namespace tessera::fleet
