#include "cli/tessera.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/arguments.h"
#include "cli/audit_verify.h"
#include "cli/doctor.h"
#include "cli/get_targets.h"
#include "cli/report.h"

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
  const auto diagnosis = examine(command.places, environment, command.patience);
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && !environment("NO_COLOR") && environment("TERM") != "dumb";
  const bool written = print(command.print == Print::Json ? render_json(diagnosis.report)
                                                          : render_text(diagnosis.report, colour, terminal_width()));
  const int status = written ? diagnosis.exit_code() : EXIT_FAILURE;
  if (diagnosis.stuck) std::_Exit(status);  // destructors would wait for what hangs
  return status;
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
  return run_doctor(std::get<DoctorCommand>(*command));
}

}  // namespace tessera::cli
