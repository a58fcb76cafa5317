#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "agent/layout/run.h"
#include "agent/run.h"
#include "base/log.h"
#include "base/stop.h"

namespace {
std::atomic<bool> reload = false;  // outlives the signal thread

tessera::agent::Environment environment() {
  tessera::agent::Environment all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const auto equals = text.find('='); equals != std::string_view::npos)
      all.emplace(text.substr(0, equals), text.substr(equals + 1));  // of two alike the first, as getenv() does
  }
  return all;
}
}  // namespace

int main(int argc, char** argv) {
  using namespace tessera;
  // Before any thread exists: all inherit the signal mask.
  const std::stop_source stop = stop_on({SIGINT, SIGTERM}, [] { reload = true; });
  const auto parsed = agent::parse_options({argv + 1, argv + argc}, environment());
  if (!parsed) {
    std::fprintf(stderr, "tessera-agent: %s\n", parsed.error().what.c_str());
    return 2;
  }
  if (const auto* text = std::get_if<agent::Text>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const auto& options = std::get<agent::Options>(*parsed);
  log::configure(options.log_level, options.log_format);
  for (const std::string& warning : options.warnings) log::warn("options", {{"what", warning}});
  const bool layout = options.command == agent::Command::Layout;
  const Result<void> result =
      layout ? agent::layout::run(options, stop.get_token()) : agent::run(options, stop.get_token(), reload);
  if (!result) log::error("agent stopped", {{"why", result.error().what}});
  return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
