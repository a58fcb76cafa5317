#pragma once
// Kubernetes' label selectors: read, matched against a pod's labels, and written as the API server takes them.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::kube {

struct Requirement {
  enum class Operator { In, NotIn, Exists, DoesNotExist };
  std::string key;
  Operator op = Operator::In;
  std::vector<std::string> values;  ///< of In and NotIn
  bool operator==(const Requirement&) const = default;
};

/// All must hold; an empty one holds for every pod.
using Selector = std::vector<Requirement>;

/// "In", "NotIn", "Exists" or "DoesNotExist".
std::optional<Requirement::Operator> requirement_operator(std::string_view name);

/// Invalid for a key or value that no label can have, and for values where none belong or none are given.
Result<void> check(const Requirement& requirement);

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`, as kubectl -l takes it.
Result<Selector> parse_selector(std::string_view text);

/// What parse_selector() reads back: the API's labelSelector.
std::string to_query(const Selector& selector);
std::string to_query(const Requirement& requirement);

using PodLabels = std::map<std::string, std::string>;

bool matches(const Requirement& requirement, const PodLabels& labels);
/// The first requirement that does not hold; null: all hold.
const Requirement* first_unmet(const Selector& selector, const PodLabels& labels);

}  // namespace tessera::kube
