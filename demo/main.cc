// tessera-demo-past: gives the database of a server that has not begun yet a simulated past.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "demo/past.h"
#include "demo/usage.h"

namespace {

struct Wanted {
  std::string url;
  std::string cluster = "demo";
  std::string scenario;  ///< empty: of costs alone
  int days = 35;
};

tessera::Result<void> write(const Wanted& wanted) {
  constexpr int kMostDaysOfUsage = 14;  // what advice looks at
  const auto database = TRY(tessera::store::Database::open(wanted.url, {.application = "tessera-demo-past"}));
  const tessera::EpochMs now = tessera::now_epoch_ms();
  TRY(tessera::demo::write_past(*database, wanted.cluster, now, wanted.days));
  if (wanted.scenario.empty()) return {};
  const auto scenario = tessera::sim::load_scenario(wanted.scenario);
  if (!scenario) return tessera::fail(tessera::Code::Invalid, "{}", scenario.error().what);
  return tessera::demo::write_usage(*database, wanted.cluster, *scenario, now, std::min(wanted.days, kMostDaysOfUsage));
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kWrongCommandLine = 2;
  CLI::App app{
      "tessera-demo-past: writes weeks of costs and of usage that never were into the empty database of a server, so "
      "that a demo has something to forecast and to give advice by"};
  Wanted wanted;
  app.add_option("--database", wanted.url, "sqlite:FILE, as the server's DATABASE_URL")->required();
  app.add_option("--cluster", wanted.cluster, "whose past it is [demo]");
  app.add_option("--scenario", wanted.scenario, "file with the simulated fleet whose pods have a past [none]");
  app.add_option("--days", wanted.days, "how long the past is; of usage 14 at most [35]")->check(CLI::Range(1, 400));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kWrongCommandLine;
  }
  const auto done = write(wanted);
  if (!done) std::fprintf(stderr, "tessera-demo-past: %s\n", done.error().what.c_str());
  if (done) std::printf("past written days=%d\n", wanted.days);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
