#include "cli/tessera.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/every.h"
#include "base/stop.h"
#include "cli/arguments.h"
#include "cli/audit_verify.h"
#include "cli/cluster_doctor.h"
#include "cli/doctor.h"
#include "cli/explain.h"
#include "cli/get_targets.h"
#include "cli/report.h"
#include "cli/server_doctor.h"

namespace tessera::cli {
namespace {

constexpr int kUsage = 2;
constexpr std::size_t kWidthOfPipes = 120;
constexpr std::size_t kLeastWidth = 60;

/// Writes all at once; a reader that went away (`| head`) is no failure of ours.
bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidthOfPipes;
  return std::max<std::size_t>(size.ws_col, kLeastWidth);
}

int run_doctor(const DoctorCommand& command) {
  log::configure(command.log_level, command.log_format);
  const auto environment = process_environment();
  const auto diagnosis = command.cluster  ? examine_cluster(*command.cluster, environment)
                         : command.server ? examine_server(*command.server)
                                          : examine(command.places, environment, command.patience);
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && !environment("NO_COLOR") && environment("TERM") != "dumb";
  const bool written = print(command.print == Print::Json ? render_json(diagnosis.report)
                                                          : render_text(diagnosis.report, colour, terminal_width()));
  const int status = written ? diagnosis.exit_code() : EXIT_FAILURE;
  if (diagnosis.stuck) std::_Exit(status);  // destructors would wait for what hangs
  return status;
}

int said(const Result<void>& result) {
  if (result) return EXIT_SUCCESS;
  std::fprintf(stderr, "tessera: %s\n", result.error().what.c_str());
  return EXIT_FAILURE;
}

/// Tables in a terminal are cut to its width; pipes and files get all.
std::size_t table_width() { return ::isatty(STDOUT_FILENO) == 1 ? terminal_width() : 0; }

Result<void> show_list(const GetCommand& command) {
  FleetServer server = TRY(FleetServer::open(command.server));
  if (!command.watch) {
    const std::string text = TRY(get_resource(server, command, table_width()));
    return print(text) ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
  }
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});
  std::string shown;
  do {
    const auto text = get_resource(server, command, table_width());
    // Who watches wants to see the server come back.
    if (!text) std::fprintf(stderr, "tessera: %s\n", text.error().what.c_str());
    if (!text || *text == shown) continue;
    if (!print((shown.empty() ? "" : "\n") + *text)) return {};
    shown = *text;
  } while (wait_until(std::chrono::steady_clock::now() + command.interval, stop.get_token()));
  return {};
}

int run_top_command(const TopCommand& command) {
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});
  return said(run_top(command, stop.get_token()));
}

int run_demo_command(const DemoCommand& command) {
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});
  const auto result = run_demo(command, stop.get_token());
  return stop.stop_requested() ? EXIT_SUCCESS : said(result);
}

Result<void> show_explanation(const ExplainCommand& command) {
  const std::string text = TRY(explain(command));
  return print(text) ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
}

Result<void> show_costs(const CostCommand& command) {
  return show_cost(command, [](std::string_view text) { return print(text); });
}

Result<void> show_forecasts(const ForecastCommand& command) {
  const std::string text = TRY(show_forecast(command));
  return print(text) ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
}

Result<void> show_all_budgets(const BudgetsCommand& command) {
  const std::string text = TRY(show_budgets(command));
  return print(text) ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
}

Result<void> show_all_benchmarks(const BenchmarksCommand& command) {
  const std::string text = TRY(run_benchmarks(command));
  return print(text) ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
}

Result<void> show_what_is_advised(const AdviceCommand& command) {
  const std::string text = TRY(run_advice(command));
  return print(text) ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
}

int run_get_targets(const GetTargetsCommand& command) {
  const auto text = get_targets(command);
  if (text) return print(*text) ? EXIT_SUCCESS : EXIT_FAILURE;
  std::fprintf(stderr, "tessera: %s\n", text.error().what.c_str());
  return EXIT_FAILURE;
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  if (const auto status = run_audit_command(arguments)) return *status;
  const auto command = parse_arguments(arguments);
  if (!command) {
    std::fprintf(stderr, "tessera: %s\n", command.error().what.c_str());
    return kUsage;
  }
  if (const auto* text = std::get_if<Text>(&*command)) return print(text->text) ? EXIT_SUCCESS : EXIT_FAILURE;
  if (const auto* get = std::get_if<GetTargetsCommand>(&*command)) return run_get_targets(*get);
  if (const auto* list = std::get_if<GetCommand>(&*command)) return said(show_list(*list));
  if (const auto* top = std::get_if<TopCommand>(&*command)) return run_top_command(*top);
  if (const auto* why = std::get_if<ExplainCommand>(&*command)) return said(show_explanation(*why));
  if (const auto* cost = std::get_if<CostCommand>(&*command)) return said(show_costs(*cost));
  if (const auto* forecast = std::get_if<ForecastCommand>(&*command)) return said(show_forecasts(*forecast));
  if (const auto* budgets = std::get_if<BudgetsCommand>(&*command)) return said(show_all_budgets(*budgets));
  if (const auto* runs = std::get_if<BenchmarksCommand>(&*command)) return said(show_all_benchmarks(*runs));
  if (const auto* advice = std::get_if<AdviceCommand>(&*command)) return said(show_what_is_advised(*advice));
  if (const auto* demo = std::get_if<DemoCommand>(&*command)) return run_demo_command(*demo);
  return run_doctor(std::get<DoctorCommand>(*command));
}

}  // namespace tessera::cli
