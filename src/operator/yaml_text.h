#pragma once
// JSON values as YAML: the same value always gives the same text, in the order of its keys.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace tessera::operate {

/// One document, in blocks; texts of several lines as literal ones.
std::string yaml_text(const nlohmann::ordered_json& value);

/// Several, with `---` between them.
std::string yaml_text(const std::vector<nlohmann::ordered_json>& documents);

}  // namespace tessera::operate
