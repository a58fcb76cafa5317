#pragma once
// `tessera-server keys …`: keys by whoever is on the machine, with or without a running server.
#include <optional>
#include <string>
#include <vector>

namespace tessera::server {

/// The exit status; nullopt where the first argument is not `keys`.
std::optional<int> run_keys_command(const std::vector<std::string>& arguments);

}  // namespace tessera::server
