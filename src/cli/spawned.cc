#include "cli/spawned.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "base/every.h"
#include "base/files.h"
#include "base/text.h"

extern char** environ;

namespace tessera::cli {
namespace {
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr Milliseconds kLook = 50ms;
constexpr Milliseconds kGrace = 10s;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> merged(const std::map<std::string, std::string>& more) {
  std::vector<std::string> out;
  for (char** one = environ; *one != nullptr; ++one)
    if (const std::string_view text = *one; !more.contains(std::string(text.substr(0, text.find('=')))))
      out.emplace_back(text);
  for (const auto& [name, value] : more) out.push_back(fmt::format("{}={}", name, value));
  return out;
}

/// The last lines of a log.
std::string tail(std::string_view text) {
  constexpr std::size_t kShown = 600;
  return std::string(trim(text.substr(text.size() - std::min(text.size(), kShown))));
}

}  // namespace

Result<Spawned> Spawned::start(const std::vector<std::string>& arguments,
                               const std::map<std::string, std::string>& environment,
                               const std::filesystem::path& log) {
  std::vector<std::string> words = arguments, variables = merged(environment);
  const auto argv = pointers(words), envp = pointers(variables);
  const int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) return fail(Code::Unavailable, "{}: {}", log.string(), std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {  // only what is safe between fork and exec
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    ::setpgid(0, 0);  // Ctrl-C is the parent's, which ends them in order
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  const int error = errno;
  ::close(out);
  if (pid < 0) return fail(Code::Unavailable, "start {}: {}", arguments.front(), std::strerror(error));
  return Spawned(pid, std::filesystem::path(arguments.front()).filename().string(), log);
}

Spawned::Spawned(Spawned&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), name_(std::move(other.name_)), log_(std::move(other.log_)) {}

void Spawned::ask_to_end() const {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

Spawned::~Spawned() {
  if (pid_ <= 0) return;
  ask_to_end();
  for (const auto until = Clock::now() + kGrace; Clock::now() < until; std::this_thread::sleep_for(kLook))
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Spawned::running() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

Result<std::string> Spawned::after(std::string_view text, Milliseconds patience, const std::stop_token& stop) const {
  const auto until = Clock::now() + patience;
  for (;;) {
    const bool alive = running();
    const std::string log = TRY(read_file(log_));
    if (const auto at = log.find(text); at != std::string::npos)
      if (const auto end = log.find('\n', at); end != std::string::npos)
        return log.substr(at + text.size(), end - at - text.size());
    if (!alive) return fail(Code::Unavailable, "{} ended: {}", name_, tail(log));
    if (Clock::now() > until)
      return fail(Code::Unavailable, "{} did not come up within {}: {}", name_, format_duration(patience), tail(log));
    if (!wait_until(Clock::now() + kLook, stop)) return fail(Code::Unavailable, "stopped");
  }
}

}  // namespace tessera::cli
