#pragma once
// OpenCost's filter: `namespace:"ml","search"+node!:"worker-01"|(team<~:"vision")`.
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/cost/facts.h"
#include "fleet/cost/owner_rules.h"

namespace tessera::fleet {

/// Immutable. Without conditions it wants everything.
class CostFilter {
 public:
  /// `FIELD OP "value","value"`, `+` or a blank for and, `|` for or (the weaker), parentheses. Operators: `:` is one
  /// of, `!:` is none of, `~:` contains, `!~:`, `<~:` begins with, `!<~:`, `~>:` ends with, `!~>:`. Fields are those of
  /// cost_dimension_named(), and `label[NAME]`, of cost_label(). Invalid with the place where it went wrong.
  static Result<CostFilter> parse(std::string_view text, const OwnerRules& rules = {});
  CostFilter();

  bool wants(const CostSubject& subject, const CostOwner* owner) const;

 private:
  struct Node;
  friend class FilterParser;
  std::shared_ptr<const Node> root_;  ///< null: everything
};

}  // namespace tessera::fleet
