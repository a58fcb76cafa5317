#pragma once
// What a server and an agent tell each other of layouts, in JSON: docs/mig-layout.md has it.
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/wanted_layouts.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// What is wanted of a node's devices, good until `lifetime` after `now`.
Json layout_document(const std::string& cluster, const std::string& node, std::int64_t generation, std::int64_t epoch,
                     const std::vector<const store::WantedLayout*>& layouts, EpochMs now, Milliseconds lifetime);

/// [{profile, start, size}]
Json instances_json(const std::vector<store::WantedInstance>& instances);

/// What an agent told: Invalid with the place of what is wrong.
Result<ToldNode> read_told(std::string_view body, EpochMs now);

}  // namespace tessera::server
