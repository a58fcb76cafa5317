#pragma once
// A real process of a test: started in its own group, its output read as it comes, ended by its own id.
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tessera::e2e {

inline constexpr std::chrono::seconds kPatience{30};  ///< how long a test waits for what must come before it fails

class Child {
 public:
  /// `environment` is added to the test's own. Throws if the process cannot be started at all.
  explicit Child(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment = {});
  ~Child();  ///< SIGKILL if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// Waits until the output (both streams) holds `text`; false after the deadline or when the process ended without it.
  bool says(const std::string& text, std::chrono::milliseconds deadline = kPatience);
  /// The rest of the line after the first `text`, waiting for both.
  std::string after(const std::string& text);
  std::string output() const;
  /// The whole output of a process that has ended.
  std::string rest();
  void signal(int number) const;
  /// Waits for the end; the exit code, 128 + signal, or -1 if it still runs after the deadline.
  int wait(std::chrono::milliseconds deadline = kPatience);
  /// SIGTERM and wait.
  int stop();

 private:
  void read_output(int fd);

  pid_t pid_ = -1;
  int exit_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable grew_;
  std::string output_;   // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
  std::jthread reader_;
};

/// Runs to the end; exit code and output.
struct Finished {
  int code;
  std::string output;
};
Finished run(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment = {});

/// Asks again until it is true; false after the deadline. For states of other programs that announce nothing.
bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds deadline = kPatience);

/// A port of 127.0.0.1 that was free a moment ago, for programs that cannot take port 0.
int free_port();

}  // namespace tessera::e2e
