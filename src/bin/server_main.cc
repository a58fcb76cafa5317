#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "base/stop.h"
#include "server/access/keys_command.h"
#include "server/run.h"

int main(int argc, char** argv) {
  using namespace tessera;
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});  // before any thread exists: all inherit the signal mask
  if (const auto status = server::run_keys_command({argv + 1, argv + argc})) return *status;
  const auto parsed = server::parse_options({argv + 1, argv + argc});
  if (!parsed) {
    std::fprintf(stderr, "tessera-server: %s\n", parsed.error().what.c_str());
    return 2;
  }
  if (const auto* text = std::get_if<server::Text>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const auto& options = std::get<server::Options>(*parsed);
  log::configure(options.log_level, options.log_format);
  const Result<void> result = server::run(options, stop.get_token());
  if (!result) log::error("server stopped", {{"why", result.error().what}});
  return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
