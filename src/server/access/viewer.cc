#include "server/access/viewer.h"

#include <algorithm>
#include <array>

namespace tessera::server {
namespace {

constexpr std::array<std::string_view, kScopes> kNames = {"read", "write", "ingest", "operate", "admin", "node"};
constexpr const char* kNoSpace = " ";  // no namespace has this name, and none is empty here

}  // namespace

std::string_view scope_name(Scope scope) { return kNames[static_cast<std::size_t>(scope)]; }

std::optional<Scope> scope_named(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  return found == kNames.end() ? std::nullopt : std::optional(static_cast<Scope>(found - kNames.begin()));
}

std::vector<std::string_view> scope_names() { return {kNames.begin(), kNames.end()}; }

bool Scopes::allow(Scope scope) const {
  return has(scope) || has(Scope::Admin) || (scope == Scope::Read && (has(Scope::Write) || has(Scope::Operate)));
}

std::vector<std::string> Scopes::names() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < kScopes; ++i)
    if (has(static_cast<Scope>(i))) out.emplace_back(kNames[i]);
  return out;
}

std::vector<std::string> Viewer::visible(const std::vector<std::string>& wanted) const {
  if (!spaces) return wanted;
  std::vector<std::string> out;
  for (const std::string& space : *spaces)
    if (wanted.empty() || std::ranges::find(wanted, space) != wanted.end()) out.push_back(space);
  if (out.empty()) out.emplace_back(kNoSpace);
  return out;
}

std::shared_ptr<const Viewer> viewer_of(std::string caller, std::string actor, Scopes scopes,
                                        std::optional<Restriction> restriction, const Teams& teams, std::string name) {
  Viewer out{std::move(caller), std::move(actor), scopes, std::move(restriction), {}, std::move(name)};
  if (out.restriction) {
    out.spaces = out.restriction->namespaces;
    for (const auto& [space, team] : teams)
      if (out.restriction->teams.contains(team)) out.spaces->insert(space);
    out.spaces->erase("");  // what belongs to no namespace belongs to nobody
  }
  return std::make_shared<const Viewer>(std::move(out));
}

const Viewer& everybody() {
  static const Viewer kEverybody{"anonymous", "anonymous", {Scope::Admin}, std::nullopt, {}, {}};
  return kEverybody;
}

const Viewer& viewer_of(const http::Request& request) {
  return request.caller ? *static_cast<const Caller*>(request.caller.get())->viewer : everybody();
}

}  // namespace tessera::server
