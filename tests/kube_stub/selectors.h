#pragma once
// Label and field selectors as the API takes them in a query.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::kube_stub {

class Selector {
 public:
  /// `labels`: "a=b,c!=d,e in (f,g),h notin (i),j,!k"; `fields`: "spec.nodeName=n,metadata.name!=m".
  static Result<Selector> parse(std::string_view labels, std::string_view fields);
  bool matches(const nlohmann::json& object) const;

 private:
  struct Rule {
    std::string key;
    bool is_field = false;
    bool wanted = true;               // what is named below must be so; false: must not
    std::vector<std::string> values;  // none: the key's mere presence
  };
  static Result<Rule> label_rule(std::string_view text);
  static Result<Rule> field_rule(std::string_view text);
  std::vector<Rule> rules_;
};

}  // namespace tessera::kube_stub
