#include "cli/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tessera::cli {
namespace {

std::string word(const JsonValue& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const JsonValue& list(const JsonValue& object, std::string_view path) {
  static const JsonValue kNone = JsonValue::array();
  const JsonValue& found = member(object, path);
  return found.is_array() ? found : kNone;
}

/// Those that the DaemonSet controller adds to every pod.
constexpr const char* kAlwaysTolerated[] = {"node.kubernetes.io/not-ready",     "node.kubernetes.io/unreachable",
                                            "node.kubernetes.io/disk-pressure", "node.kubernetes.io/memory-pressure",
                                            "node.kubernetes.io/pid-pressure",  "node.kubernetes.io/unschedulable"};

bool tolerates(const JsonValue& toleration, const JsonValue& taint) {
  const std::string effect = word(toleration, "effect"), key = word(toleration, "key");
  if (!effect.empty() && effect != word(taint, "effect")) return false;
  if (!key.empty() && key != word(taint, "key")) return false;
  if (word(toleration, "operator") == "Exists") return true;
  return !key.empty() && word(toleration, "value") == word(taint, "value");
}

/// A label's value, or the node's name for a matchFields; nullopt: it has no such label.
std::optional<std::string> value_of(const JsonValue& node, const std::string& key, bool field) {
  if (field) return text_cell(node, "metadata.name");
  const JsonValue& labels = member(node, "metadata.labels");
  if (!labels.is_object() || !labels.contains(key) || !labels[key].is_string()) return std::nullopt;
  return labels[key].get<std::string>();
}

bool holds(const JsonValue& expression, const JsonValue& node, bool field) {
  const auto value = value_of(node, word(expression, "key"), field);
  const std::string op = word(expression, "operator");
  const JsonValue& values = list(expression, "values");
  const auto one_of = [&] {
    return value && std::ranges::any_of(values, [&](const JsonValue& one) { return one == *value; });
  };
  if (op == "In") return one_of();
  if (op == "NotIn") return !one_of();
  if (op == "Exists") return value.has_value();
  if (op == "DoesNotExist") return !value;
  const auto number = value ? parse_int(*value) : std::nullopt;
  const auto bound = values.empty() || !values[0].is_string() ? std::nullopt : parse_int(values[0].get<std::string>());
  return number && bound && (op == "Gt" ? *number > *bound : *number < *bound);
}

bool holds(const JsonValue& term, const JsonValue& node) {
  const auto all = [&](const char* key, bool field) {
    return std::ranges::all_of(list(term, key), [&](const JsonValue& one) { return holds(one, node, field); });
  };
  const bool empty = list(term, "matchExpressions").empty() && list(term, "matchFields").empty();
  return !empty && all("matchExpressions", false) && all("matchFields", true);
}

}  // namespace

std::string untolerated_taint(const JsonValue& pod_spec, const JsonValue& node) {
  for (const JsonValue& taint : list(node, "spec.taints")) {
    const std::string key = word(taint, "key"), value = word(taint, "value"), effect = word(taint, "effect");
    if (effect == "PreferNoSchedule" || std::ranges::find(kAlwaysTolerated, key) != std::end(kAlwaysTolerated))
      continue;
    if (std::ranges::any_of(list(pod_spec, "tolerations"), [&](const JsonValue& one) { return tolerates(one, taint); }))
      continue;
    return fmt::format("{}{}{}:{}", key, value.empty() ? "" : "=", value, effect);
  }
  return {};
}

std::string unmet_selector(const JsonValue& pod_spec, const JsonValue& node) {
  if (const JsonValue& selector = member(pod_spec, "nodeSelector"); selector.is_object())
    for (const auto& [key, value] : selector.items())
      if (value_of(node, key, false) != value.get<std::string>())
        return fmt::format("nodeSelector {}={}", key, value.get<std::string>());
  const JsonValue& terms =
      list(pod_spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
  if (terms.empty() || std::ranges::any_of(terms, [&](const JsonValue& term) { return holds(term, node); })) return {};
  std::string keys;
  for (const JsonValue& term : terms)
    for (const JsonValue& one : list(term, "matchExpressions"))
      keys += fmt::format("{}{}", keys.empty() ? "" : ", ", word(one, "key"));
  return fmt::format("node affinity on {}", keys);
}

}  // namespace tessera::cli
