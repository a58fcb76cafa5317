#include "server/node_changes/mig_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace tessera::server::nodes {
namespace {

constexpr std::string_view kPrefix = "tessera-";
constexpr std::string_view kHead =
    "# Written by tessera-server, which writes it anew: what others put here is lost.\n"
    "version: v1\n"
    "mig-configs:\n"
    "  all-disabled:\n"
    "    - devices: all\n"
    "      mig-enabled: false\n"
    "  all-enabled:\n"
    "    - devices: all\n"
    "      mig-enabled: true\n"
    "      mig-devices: {}\n";

/// FNV-1a: it has to be the same on every machine and in every version.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t out = 14'695'981'039'346'656'037ULL;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  return out;
}

}  // namespace

MigEntries::value_type mig_entry(const std::vector<ManagedDevice>& devices) {
  std::string text;
  for (const ManagedDevice& device : devices) {
    text += fmt::format("    - devices: [{}]\n      mig-enabled: {}\n", device.index, device.mig);
    if (!device.mig) continue;
    text += device.profiles.empty() ? "      mig-devices: {}\n" : "      mig-devices:\n";
    for (const auto& [profile, count] : device.profiles) text += fmt::format("        \"{}\": {}\n", profile, count);
  }
  return {fmt::format("{}{:016x}", kPrefix, hash_of(text)), text};
}

std::string mig_file(const MigEntries& entries) {
  std::string out(kHead);
  for (const auto& [name, text] : entries) out += fmt::format("  {}:\n{}", name, text);
  return out;
}

MigEntries entries_in(std::string_view file) {
  MigEntries out;
  std::string* into = nullptr;
  for (std::string_view line : split(file, '\n')) {
    const bool is_key = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
    if (is_key || !line.starts_with("  ")) into = nullptr;
    if (is_key && line.substr(2).starts_with(kPrefix))
      into = &out[std::string(line.substr(2, line.size() - 3))];
    else if (into)
      *into += fmt::format("{}\n", line);
  }
  return out;
}

}  // namespace tessera::server::nodes
