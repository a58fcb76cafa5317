#include <cassert>
#include <cstdint>

#include "base/text.h"
#include "relay/relabel.h"

using namespace tessera;
using namespace tessera::relay;

// Lines, fields parted by blanks: "rule ACTION SOURCES SEPARATOR REGEX TARGET REPLACEMENT MODULUS", and for any other
// line a label: "NAME VALUE". Whatever the rules, the labels stay a set, explain() tells what relabel() does, and of
// keep and drop with the same fields exactly one keeps.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  RelabelRules rules;
  std::vector<Label> pairs;
  for (const auto line : split({reinterpret_cast<const char*>(data), size}, '\n')) {
    const auto fields = split(line, ' ');
    const auto field = [&](std::size_t i) { return std::string(i < fields.size() ? fields[i] : ""); };
    if (fields[0] != "rule") {
      pairs.push_back({field(0), field(1)});
      continue;
    }
    const auto action = relabel_action(field(1));
    if (!action) continue;
    RelabelRule rule;
    rule.action = *action;
    const std::string sources = field(2);
    for (const auto source : split(sources, ','))
      if (!source.empty()) rule.source_labels.emplace_back(source);
    if (fields.size() > 3) rule.separator = field(3);
    if (fields.size() > 4) rule.regex = field(4);
    rule.target_label = field(5);
    if (fields.size() > 6) rule.replacement = field(6);
    rule.modulus = static_cast<std::uint64_t>(parse_int(field(7)).value_or(0));
    if (const auto compiled = Relabel::compile(rule)) rules.push_back(*compiled);
  }
  const Labels before = to_labels(std::move(pairs));
  assert(to_labels(before) == before);
  Labels after = before;
  const bool kept = relabel(rules, after);
  assert(to_labels(after) == after);
  const auto steps = explain(rules, before);
  assert(kept ? steps.size() == rules.size() && (steps.empty() || steps.back().after == after) : steps.back().dropped);
  for (const Relabel& rule : rules) {
    RelabelRule opposite = rule.rule();
    if (opposite.action != RelabelAction::Keep) continue;
    opposite.action = RelabelAction::Drop;
    Labels labels = before;
    assert(rule.apply(labels) != Relabel::compile(opposite)->apply(labels));
  }
  return 0;
}
