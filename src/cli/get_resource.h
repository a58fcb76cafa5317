#pragma once
// `tessera get devices|instances|sessions|pods|nodes`: lists of a server, as tables and for scripts.
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "cli/fleet_server.h"

namespace tessera::cli {

enum class Output { Table, Wide, Json, Csv, Name };

/// A filter flag of one or more lists: `--node` is the server's parameter `nodeName`.
struct FilterFlag {
  std::string_view flag;
  std::string_view parameter;
  std::string_view what;
};

/// A list that can be got.
struct Resource {
  std::string_view name;  ///< "devices"
  std::string_view path;
  std::string_view what;  ///< for the help
  std::string_view id;    ///< what `-o name` prints: a member
  std::span<const FilterFlag> filters;
  std::string_view sorted_by;  ///< for the help
};
std::span<const Resource> resources();

struct GetCommand {
  const Resource* resource = nullptr;
  ServerPlace server;
  Output output = Output::Table;
  Parameters query;
  std::int64_t limit = 0;  ///< rows; 0: all
  bool watch = false;
  Milliseconds interval{2'000};
};

/// Rows as a table as of `now`; at most `columns` wide, 0: as wide as they are.
std::string resource_table(const Resource& resource, const JsonValue& items, EpochMs now, bool wide,
                           std::size_t columns);

/// All pages, in the form that was asked for.
Result<std::string> get_resource(FleetServer& server, const GetCommand& command, std::size_t columns);

}  // namespace tessera::cli
