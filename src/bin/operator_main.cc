#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "base/stop.h"
#include "operator/dry_run.h"
#include "operator/options.h"
#include "operator/removal.h"
#include "operator/run.h"

int main(int argc, char** argv) {
  using namespace tessera;
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});  // before any thread exists: all inherit the signal mask
  const auto parsed = operate::parse_options({argv + 1, argv + argc});
  if (!parsed) {
    std::fprintf(stderr, "tessera-operator: %s\n", parsed.error().what.c_str());
    return 2;
  }
  if (const auto* text = std::get_if<operate::Text>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const auto& options = std::get<operate::Options>(*parsed);
  if (!options.dry_run) {
    log::configure(options.log_level, options.log_format);
    const Result<void> result = options.remove.empty() ? operate::run(options, stop.get_token())
                                                       : operate::remove_monitor(options, stop.get_token());
    if (!result)
      log::error(options.remove.empty() ? "operator stopped" : "GpuMonitor not removed",
                 {{"why", result.error().what}});
    return result ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  const auto printed = operate::dry_run(options);
  if (!printed) {
    std::fprintf(stderr, "tessera-operator: %s\n", printed.error().what.c_str());
    return EXIT_FAILURE;
  }
  std::fputs(printed->c_str(), stdout);
  return EXIT_SUCCESS;
}
