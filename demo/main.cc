// tessera-demo-past: gives the database of a server that has not begun yet a simulated past.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "demo/past.h"

namespace {

tessera::Result<void> write(const std::string& url, int days) {
  const auto database = TRY(tessera::store::Database::open(url, {.application = "tessera-demo-past"}));
  return tessera::demo::write_past(*database, tessera::now_epoch_ms(), days);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kWrongCommandLine = 2;
  CLI::App app{
      "tessera-demo-past: writes weeks of costs that never were into the empty ledger of a server's database, so that "
      "a "
      "demo has something to forecast"};
  std::string url;
  int days = 35;
  app.add_option("--database", url, "sqlite:FILE, as the server's DATABASE_URL")->required();
  app.add_option("--days", days, "how long the past is [35]")->check(CLI::Range(1, 400));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kWrongCommandLine;
  }
  const auto done = write(url, days);
  if (!done) std::fprintf(stderr, "tessera-demo-past: %s\n", done.error().what.c_str());
  if (done) std::printf("past written days=%d\n", days);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
