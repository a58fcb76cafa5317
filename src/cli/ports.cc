#include "cli/ports.h"

#include <algorithm>
#include <charconv>

#include "base/files.h"
#include "base/text.h"

namespace tessera::cli {
namespace {

/// `sl local_address rem_address st …`, where local_address is hexadecimal ADDRESS:PORT and state 0A is LISTEN.
constexpr std::string_view kListen = "0A";

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto word : split(line, ' '))
    if (!word.empty()) out.push_back(word);
  return out;
}

}  // namespace

std::vector<std::uint16_t> listening_ports_in(std::string_view table) {
  std::vector<std::uint16_t> out;
  for (const auto line : split(table, '\n')) {
    const auto fields = words(line);
    if (fields.size() < 4 || fields[3] != kListen) continue;
    const auto colon = fields[1].rfind(':');
    if (colon == std::string_view::npos) continue;
    const auto text = fields[1].substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port, 16);
    if (error == std::errc{} && end == text.data() + text.size()) out.push_back(port);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::vector<std::uint16_t> listening_ports(const std::filesystem::path& proc) {
  std::vector<std::uint16_t> out;
  for (const auto* table : {"net/tcp", "net/tcp6"})
    if (const auto text = read_file(proc / table))
      for (const auto port : listening_ports_in(*text)) out.push_back(port);
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace tessera::cli
