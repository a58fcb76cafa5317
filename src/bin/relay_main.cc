#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "base/stop.h"
#include "relay/run.h"

namespace {
std::atomic<bool> reload = false;  // outlives the signal thread
}  // namespace

int main(int argc, char** argv) {
  using namespace tessera;
  // Before any thread exists: all inherit the signal mask.
  const std::stop_source stop = stop_on({SIGINT, SIGTERM}, [] { reload = true; });
  const auto parsed = relay::parse_options({argv + 1, argv + argc});
  if (!parsed) {
    std::fprintf(stderr, "tessera-relay: %s\n", parsed.error().what.c_str());
    return 2;
  }
  if (const auto* text = std::get_if<relay::Text>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const auto& options = std::get<relay::Options>(*parsed);
  log::configure(options.log_level, options.log_format);
  const Result<void> result = relay::run(options, stop.get_token(), reload);
  if (!result) log::error("relay stopped", {{"why", result.error().what}});
  return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
