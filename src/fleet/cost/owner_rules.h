#pragma once
// Who pays for a pod: its team, project and cost centre, by rules over the labels of the pod and of its namespace.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/cluster/cluster.h"
#include "fleet/cost/facts.h"

namespace tessera::fleet {

enum class OwnerField : std::uint8_t { Team, Project, CostCentre };
inline constexpr std::size_t kOwnerFields = 3;
std::string_view owner_field_name(OwnerField field);  ///< "team", "project", "cost-centre"

/// A rule says what a field is for the pods that it is for. Its value is the text, or that of the label: of the pod
/// first, then of the namespace, then of the namespace's annotation, where it is no longer than a label's (63 bytes). A
/// rule by a label that is not there does not match.
struct OwnerRule {
  OwnerField field = OwnerField::Team;
  std::string name_space;  ///< only pods of namespaces that this matches, `*` being anything; empty: all
  std::string label;       ///< the label's key
  std::string text;        ///< empty: the label says it
  bool operator==(const OwnerRule&) const = default;
};

struct OwnerRules {
  std::vector<OwnerRule> rules;       ///< in their order: of each field the first match holds
  std::vector<std::string> overhead;  ///< patterns of namespaces whose pods are the platform's own: "gpu-operator"
  std::vector<std::string> keep{};    ///< keys of labels that the ledger keeps as they are, whatever the rules say
  bool operator==(const OwnerRules&) const = default;
};

/// By the labels `team`, `project`, `cost-centre` and `cost-center`; team by `team_labels`.
OwnerRules default_owner_rules(const std::vector<std::string>& team_labels);
/// What is asked of by a label: the label itself where it is kept, else the field that a rule has it say. Its name may
/// have `_` in the place of what Prometheus does not take. Invalid for another one: says which there are.
Result<CostKey> cost_label(const OwnerRules& rules, std::string_view name);
/// Invalid for a rule that has neither label nor text, a label to keep without a name, and too many of them.
Result<void> check(const OwnerRules& rules);

/// What a pod carries.
struct PodLabels {
  std::string_view space;  ///< namespace
  const LabelMap* pod = nullptr;
  const LabelMap* space_labels = nullptr;
  const LabelMap* space_annotations = nullptr;
};

/// Of one field: whose it is and by which rule; and the first other rule that says otherwise.
struct OwnerMatch {
  std::string value;                ///< empty: nobody says
  std::optional<std::size_t> rule;  ///< of OwnerRules::rules
  std::optional<std::size_t> contradicted_by;
  bool operator==(const OwnerMatch&) const = default;
};

struct OwnerFound {
  std::array<OwnerMatch, kOwnerFields> fields;
  LabelMap labels;  ///< of OwnerRules::keep, those that it has
  bool overhead = false;
  const OwnerMatch& operator[](OwnerField field) const { return fields[static_cast<std::size_t>(field)]; }
};

OwnerFound find_owner(const OwnerRules& rules, const PodLabels& of);

/// Whether a name is that of a pattern, in which `*` stands for any text.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace tessera::fleet
