#pragma once
// Target groups as files and HTTP endpoints list them: [{"targets": ["host:port"], "labels": {"name": "value"}}].
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "relay/config.h"

namespace tessera::relay {

/// Why no target can have this address; empty for a good one.
std::string wrong_address(std::string_view address);

/// YAML or, where `is_json`, JSON. Strict: Invalid with the place for anything else than a list of such groups, for
/// keys other than the two, for addresses with a path or a scheme, and for names that no label can have.
Result<std::vector<TargetGroup>> parse_target_groups(std::string_view text, const std::string& file, bool is_json);

}  // namespace tessera::relay
