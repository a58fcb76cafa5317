#pragma once
// For tests: whether JSON is what a schema of the API's document says. Stricter than JSON Schema in one thing: a member
// that no schema names is wrong, and so is a keyword that is not known here.
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "config/yaml.h"
#include "server/openapi.h"

namespace tessera::server {

class SchemaCheck {
 public:
  explicit SchemaCheck(config::Node document) : document_(std::move(document)) {}

  /// What is wrong, each with its place; empty: nothing.
  std::vector<std::string> wrong_in(const nlohmann::ordered_json& value, const config::Node& schema) const;
  /// `a.b.c` of the document; throws where there is none.
  config::Node at(const std::vector<std::string>& path) const;
  /// The node itself, or what its $ref stands for.
  config::Node resolved(const config::Node& node) const;
  /// Names of an object's members, with those of allOf.
  std::set<std::string> members(const config::Node& schema) const;
  /// A member's schema, also in allOf.
  std::optional<config::Node> member(const config::Node& schema, const std::string& name) const;

 private:
  config::Node document_;
};

/// That of this server's own document, which is read once: a second each time with sanitizers.
inline const SchemaCheck& own_schema() {
  static const SchemaCheck all(*config::load(openapi_yaml(), "openapi.yaml"));
  return all;
}

}  // namespace tessera::server
