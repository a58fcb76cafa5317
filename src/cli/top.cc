#include "cli/top.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "cli/top_screen.h"

namespace tessera::cli {
namespace {
using Clock = std::chrono::steady_clock;

struct SortKey {
  char key;
  std::string_view word;
  std::string_view devices;  ///< the server's sort
  std::string_view sessions;
};
constexpr SortKey kSortKeys[] = {
    {'u', "utilization", "-utilization,id", "-meanUtilizationPercent,id"},
    {'m', "memory", "-memoryUsedBytes,id", "-memoryUsedBytes,id"},
    {'p', "power", "-powerWatts,id", "-memoryUsedBytes,id"},
    {'t', "temperature", "-temperatureCelsius,id", "-memoryUsedBytes,id"},
    {'h', "health", "-health,id", "-memoryUsedBytes,id"},
    {'i', "idle", "idleSince,id", "firstSeen,id"},
    {'n', "name", "cluster,node,index", "deviceId,id"},
};

const SortKey& sort_key(std::string_view word) {
  const auto* found = std::ranges::find(kSortKeys, word, &SortKey::word);
  return found == std::end(kSortKeys) ? kSortKeys[0] : *found;
}

/// The terminal as a screen of its own, with keys read one by one; as it was before when this goes.
class Screen {
 public:
  Screen() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    raw.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    keys_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    write("\x1b[?1049h\x1b[?25l");
  }
  ~Screen() {
    write("\x1b[?25h\x1b[?1049l");
    if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// In one write, so that nothing flickers; lines are cleared as they are overwritten.
  void draw(std::string_view text) const {
    std::string out = "\x1b[H";
    for (const char c : text) out += c == '\n' ? std::string("\x1b[K\n") : std::string(1, c);
    write(out + "\x1b[J");
  }
  /// A key, or 0 when none came in time.
  char key(Milliseconds patience) const {
    pollfd in{STDIN_FILENO, POLLIN, 0};
    char c = 0;
    if (::poll(&in, keys_ ? 1 : 0, static_cast<int>(patience.count())) > 0 && ::read(STDIN_FILENO, &c, 1) == 1)
      return c;
    return 0;
  }

 private:
  static void write(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  termios before_{};
  bool keys_ = false;
};

TopLook terminal() {
  TopLook look;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    look.columns = std::max<std::size_t>(size.ws_col, 40);
    look.rows = size.ws_row;
  }
  look.colour = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return look;
}

std::string key_line(const std::string& sort) {
  std::string out = "q quit  sort by:";
  for (const SortKey& one : kSortKeys)
    out += one.word == sort ? fmt::format(" [{} {}]", one.key, one.word) : fmt::format("  {} {}", one.key, one.word);
  return out;
}

Result<void> live(FleetServer& server, const TopCommand& command, const std::stop_token& stop) {
  constexpr Milliseconds kLook{200};
  std::string sort(sort_key(command.sort).word);
  const Screen screen;
  auto due = Clock::now();
  std::string shown;
  for (;;) {
    if (Clock::now() >= due) {
      TopLook look = terminal();
      const auto seen = ask_top(server, command, sort);
      // What was seen stays while the server is away: it says so below.
      if (seen) shown = top_screen(*seen, look) + key_line(sort);
      screen.draw(seen ? shown : fmt::format("{}\n{}", seen.error().what, shown));
      due = Clock::now() + command.interval;
    }
    if (stop.stop_requested()) return {};
    const char key = screen.key(kLook);
    if (key == 'q') return {};
    for (const SortKey& one : kSortKeys)
      if (key == one.key) sort = one.word, due = Clock::now();
    if (key == ' ') due = Clock::now();
  }
}

}  // namespace

std::string top_sort_keys() {
  std::string out;
  for (const SortKey& one : kSortKeys) out += fmt::format("{}{}", out.empty() ? "" : "|", one.word);
  return out;
}

Result<TopSeen> ask_top(FleetServer& server, const TopCommand& command, const std::string& sort) {
  const SortKey& key = sort_key(sort);
  const auto query = [&](std::string_view by) {
    Parameters out = command.query;
    out.emplace_back("sort", std::string(by));
    out.emplace_back("limit", "1000");
    return out;
  };
  TopSeen out;
  Parameters cluster;
  for (const auto& one : command.query)
    if (one.first == "cluster") cluster.push_back(one);
  out.overview = std::make_shared<const JsonValue>(TRY(server.json("/gpu/overview", cluster)));
  out.devices = std::make_shared<const JsonValue>(TRY(server.json("/gpu/devices", query(key.devices))));
  out.sessions = std::make_shared<const JsonValue>(TRY(server.json("/gpu/sessions", query(key.sessions))));
  return out;
}

Result<void> run_top(const TopCommand& command, const std::stop_token& stop) {
  FleetServer server = TRY(FleetServer::open(command.server));
  if (!command.once && ::isatty(STDOUT_FILENO) == 1) return live(server, command, stop);
  TopLook look = terminal();
  look.rows = 0;
  look.colour = false;
  const std::string text = top_screen(TRY(ask_top(server, command, command.sort)), look);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

}  // namespace tessera::cli
