#pragma once
// Who asks, and what he may do and see.
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server.h"

namespace tessera::server {

/// What a route asks for. Admin has all others in it; write and operate have read. Node is for what carries out the
/// layouts of one node: the key has its name.
enum class Scope : std::uint8_t { Read, Write, Ingest, Operate, Admin, Node };
inline constexpr std::size_t kScopes = 6;
std::string_view scope_name(Scope scope);
std::optional<Scope> scope_named(std::string_view name);
std::vector<std::string_view> scope_names();

class Scopes {
 public:
  Scopes() = default;
  Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope one : scopes) add(one);
  }
  void add(Scope scope) { bits_ = static_cast<std::uint8_t>(bits_ | bit(scope)); }
  bool has(Scope scope) const { return (bits_ & bit(scope)) != 0; }  ///< as it was given
  bool allow(Scope scope) const;                                     ///< with what others have in them
  bool empty() const { return bits_ == 0; }
  std::vector<std::string> names() const;
  bool operator==(const Scopes&) const = default;

 private:
  static std::uint8_t bit(Scope scope) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(scope)); }
  std::uint8_t bits_ = 0;
};

/// Which part of the fleet: what these namespaces, in any cluster, hold or use, and those of these teams.
struct Restriction {
  std::set<std::string> namespaces;
  std::set<std::string> teams;
  bool operator==(const Restriction&) const = default;
};

/// The team of a namespace; one that is not in it has none.
using Teams = std::map<std::string, std::string>;

struct Viewer {
  std::string caller;  ///< "key:ab12cd34": what limits and kept replies are counted by
  std::string actor;   ///< the same with its name, for the audit log
  Scopes scopes;
  std::optional<Restriction> restriction;         ///< absent: sees everything
  std::optional<std::set<std::string>> spaces{};  ///< the namespaces that the restriction comes to
  std::string name{};                             ///< of the key; empty for others

  bool restricted() const { return spaces.has_value(); }
  bool sees(std::string_view space) const { return !spaces || spaces->contains(std::string(space)); }
  /// What of `wanted` (empty: all) he sees; nothing at all is a list of one name that no namespace has.
  std::vector<std::string> visible(const std::vector<std::string>& wanted) const;
};

/// With `spaces` worked out.
std::shared_ptr<const Viewer> viewer_of(std::string caller, std::string actor, Scopes scopes,
                                        std::optional<Restriction> restriction, const Teams& teams,
                                        std::string name = {});

/// One who may do and see everything: where nobody is asked who he is.
const Viewer& everybody();

/// What a request carries from its admission to its reply.
struct Caller {
  std::shared_ptr<const Viewer> viewer;
  std::vector<std::pair<std::string, std::string>> headers;  ///< that its reply gets
};

/// Who sent the request, as Access::admit found out; everybody() where nobody was asked.
const Viewer& viewer_of(const http::Request& request);

}  // namespace tessera::server
