#pragma once
// Prometheus' relabelling, rule by rule: which labels a target, a sample or a written series ends up with, and whether
// it is kept at all. Compiled once; applying it never fails, and any thread may do so.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "relay/labels.h"

namespace tessera::relay {

enum class RelabelAction {
  Replace,
  Keep,
  Drop,
  KeepEqual,
  DropEqual,
  HashMod,
  LabelMap,
  LabelDrop,
  LabelKeep,
  Lowercase,
  Uppercase
};

/// The action of this name in any case; Invalid with all names for another.
Result<RelabelAction> relabel_action(std::string_view name);
std::string_view name_of(RelabelAction action);

/// A rule as it is written; what is left out has these values.
struct RelabelRule {
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string regex = "(.*)";
  std::string target_label;
  std::string replacement = "$1";
  RelabelAction action = RelabelAction::Replace;
  std::uint64_t modulus = 0;
  bool operator==(const RelabelRule&) const = default;
};

class Relabel {
 public:
  /// Invalid with the reason for a regex that is none, and for a rule that its action cannot mean.
  static Result<Relabel> compile(const RelabelRule& rule);

  /// false: whatever bears these labels is dropped. The labels are then as they were.
  bool apply(Labels& labels) const;

  const RelabelRule& rule() const;
  friend bool operator==(const Relabel& a, const Relabel& b) { return a.rule() == b.rule(); }
  /// The rule in a line: `keep app,env =~ "(web);(prod)"`.
  std::string text() const;
  /// What the regex is matched against: the source labels' values, joined.
  std::string joined(const Labels& labels) const;

 private:
  struct Compiled;
  explicit Relabel(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::shared_ptr<const Compiled> compiled_;  // shared: a rule is copied into every job that uses it
};

using RelabelRules = std::vector<Relabel>;

/// All rules in order, until one drops: then false.
bool relabel(std::span<const Relabel> rules, Labels& labels);

/// What a rule did, for people.
struct RelabelStep {
  std::string rule;
  std::string value;  ///< what the rule looked at, see Relabel::joined
  bool dropped = false;
  Labels before;
  Labels after;  ///< empty when dropped
};

/// The same as relabel(), step by step; ends with the step that dropped.
std::vector<RelabelStep> explain(std::span<const Relabel> rules, Labels labels);

}  // namespace tessera::relay
