#include "tests/e2e/child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>

extern char** environ;

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) out.push_back(text);
  }
  for (const auto& [name, value] : added) out.push_back(name + '=' + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Child::Child(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  auto variables = merged_environment(environment);
  const int error = ::posix_spawnp(&pid_, arguments[0].c_str(), &actions, nullptr, pointers(arguments).data(),
                                   pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {  // no abort: the other children would be left behind
    ::close(ends[0]);
    throw std::runtime_error("cannot start " + arguments[0] + ": " + std::strerror(error));
  }
  reader_ = std::jthread([this, fd = ends[0]] { read_output(fd); });
}

Child::~Child() {
  if (wait(0ms) == -1) {
    signal(SIGKILL);
    wait();
  }
}

void Child::read_output(int fd) {
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    const std::lock_guard lock(mutex_);
    if (count > 0) output_.append(buffer, static_cast<std::size_t>(count));
    closed_ = count <= 0;
    grew_.notify_all();
    if (closed_) break;
  }
  ::close(fd);
}

bool Child::says(const std::string& text, std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  grew_.wait_for(lock, deadline, [&] { return closed_ || output_.find(text) != std::string::npos; });
  return output_.find(text) != std::string::npos;
}

std::string Child::after(const std::string& text) {
  std::unique_lock lock(mutex_);
  const auto complete = [&] {
    const auto at = output_.find(text);
    return at != std::string::npos && output_.find('\n', at) != std::string::npos;
  };
  grew_.wait_for(lock, kPatience, [&] { return closed_ || complete(); });
  if (!complete()) return {};
  const auto from = output_.find(text) + text.size();
  return output_.substr(from, output_.find('\n', from) - from);
}

std::string Child::output() const {
  const std::lock_guard lock(mutex_);
  return output_;
}

std::string Child::rest() {
  std::unique_lock lock(mutex_);
  grew_.wait_for(lock, kPatience, [&] { return closed_; });
  return output_;
}

void Child::signal(int number) const {
  if (exit_ == -1) ::kill(pid_, number);
}

int Child::wait(std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  for (;;) {
    if (exit_ != -1) return exit_;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_)
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    else if (Clock::now() >= until)
      return -1;
    else
      std::this_thread::sleep_for(2ms);  // waitpid knows no deadline
  }
}

int Child::stop() {
  signal(SIGTERM);
  return wait();
}

Finished run(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment) {
  Child child(std::move(arguments), environment);
  const int code = child.wait(std::chrono::minutes(2));
  return {code, child.rest()};
}

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds deadline) {
  for (const auto until = Clock::now() + deadline;;) {
    if (holds()) return true;
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(20ms);  // between two questions, not instead of one
  }
}

int free_port() {
  // Not one of those that the kernel gives to outgoing connections: who waits for this port to be served again could
  // else be given it himself.
  constexpr int kFirst = 15'000, kLast = 32'000;
  std::random_device random;
  std::uniform_int_distribution<int> any(kFirst, kLast);
  for (int tries = 0; tries < 1'000; ++tries) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(any(random)));
    const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (free) return ntohs(address.sin_port);
  }
  std::abort();
}

}  // namespace tessera::e2e
