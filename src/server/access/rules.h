#pragma once
// What each route asks of who calls it: one table. A route that has no row is for admins alone, and a test fails.
#include <optional>
#include <span>
#include <string_view>

#include "server/access/viewer.h"

namespace tessera::server {

/// What somebody gets who is restricted to namespaces or teams.
enum class Tenants : std::uint8_t {
  Filtered,  ///< the route tells him of what he holds or uses, and of nothing else
  Refused    ///< 403: what it tells or does cannot be taken apart
};

struct Rule {
  std::string_view method;
  std::string_view path;       ///< below the API's root, or below the context path, or of the server
  std::optional<Scope> scope;  ///< absent: open to everybody
  Tenants tenants = Tenants::Refused;
};

std::span<const Rule> rules();

/// Null where the table has none. `path` is a route's, with its `{name}` parts.
const Rule* rule_of(std::string_view method, std::string_view path, std::string_view context_path);

}  // namespace tessera::server
