#include "bench/peer_version.h"

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace tessera::bench {

std::string package_version(const std::string& package) {
  const char* const peers = std::getenv("TESSERA_PEERS");
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(peers == nullptr ? "" : peers) / "debs", none)) {
    const std::string name = entry.path().stem().string();
    if (name.starts_with(package + '-') && std::isdigit(static_cast<unsigned char>(name[package.size() + 1])) != 0)
      return "Debian's " + name;
  }
  return {};
}

}  // namespace tessera::bench
