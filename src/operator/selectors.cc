#include "operator/selectors.h"

#include <fmt/format.h>

namespace tessera::operate {

kube::Selector to_kube(const LabelSelector& selector) {
  using Operator = kube::Requirement::Operator;
  kube::Selector out;
  for (const auto& [key, value] : selector.match_labels) out.push_back({key, Operator::In, {value}});
  for (const LabelExpression& one : selector.match_expressions)
    out.push_back({one.key, kube::requirement_operator(one.op).value_or(Operator::In), one.values});
  return out;
}

std::string name_of(const Override& group) {
  if (!group.name.empty()) return group.name;
  std::uint32_t hash = 2'166'136'261U;  // FNV-1a
  for (const auto& [key, value] : group.node_selector)
    for (const char c : key + '=' + value + ',') hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return fmt::format("{:08x}", hash);
}

}  // namespace tessera::operate
