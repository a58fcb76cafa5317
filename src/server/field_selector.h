#pragma once
// `fieldSelector`, as kubectl has it: `model=H100_80GB,use!=free`. All terms must hold.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/query.h"

namespace tessera::server {

struct FieldTerm {
  std::size_t field = 0;
  bool equal = true;
  std::string value;
};

/// The parameter's terms over these fields; what is wrong is the query's fault.
std::vector<FieldTerm> read_field_selector(Query& query, const std::vector<std::string_view>& fields);

}  // namespace tessera::server
