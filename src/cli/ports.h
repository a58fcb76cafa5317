#pragma once
// Who listens, read from the kernel's tables: nothing is connected to.
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace tessera::cli {

/// TCP ports with a listener in this network namespace, ascending, each once.
std::vector<std::uint16_t> listening_ports(const std::filesystem::path& proc);

/// The same from the text of /proc/net/tcp or tcp6.
std::vector<std::uint16_t> listening_ports_in(std::string_view table);

}  // namespace tessera::cli
