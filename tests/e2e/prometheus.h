#pragma once
// Debian's Prometheus, scraping what a test tells it to or taking what others write to it, and answering PromQL.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

struct Vector {
  std::map<std::string, std::string> labels;
  double value;
};

class Prometheus {
 public:
  /// nullptr where the program is not on this machine. `job`: more lines of the job, two blanks before each.
  static std::unique_ptr<Prometheus> scraping(const std::vector<std::string>& addresses, const std::string& job = "");
  /// One that evaluates rules each half second; `rules`: a path, in which the file's name may have a *.
  static std::unique_ptr<Prometheus> evaluating(const std::string& address, const std::string& rules);
  /// The same over a past of its own: OpenMetrics with times, which have been.
  static std::unique_ptr<Prometheus> remembering(const std::string& past, const std::string& address,
                                                 const std::string& rules);
  /// One that scrapes nothing and takes remote writes at /api/v1/write; nullptr where it is not on this machine.
  static std::unique_ptr<Prometheus> receiving(std::vector<std::string> more_flags = {});
  /// The instant vector of a query, now or at a time; fails the test on an error reply.
  std::vector<Vector> query(const std::string& promql, std::optional<EpochMs> time = std::nullopt);
  /// Waits until every target has been scraped at least `count` times.
  bool scraped(int count);

  const std::string& url() const { return url_; }
  Child& process() { return *process_; }
  void stop() { process_->stop(); }
  /// After stop(): the same data at the same address.
  void start();

 private:
  Prometheus(const std::string& config, std::vector<std::string> flags, std::size_t targets,
             const std::string& past = "");
  void keep_past(const std::string& past);
  TempDir dir_;
  const std::vector<std::string> flags_;
  const std::size_t targets_;
  std::string url_;
  std::unique_ptr<Child> process_;
  http::Client client_;
};

/// A query's value in a URL.
std::string percent_encoded(const std::string& text);
/// Starts a server that is told its port, waits until `ready_path` answers 200, and tries another port where that one
/// was taken in the meantime. `port` 0: any. Fails the test if it does not come up.
struct Started {
  std::unique_ptr<Child> process;
  int port;
};
Started start_server(const std::function<std::vector<std::string>(int port)>& command, const std::string& ready_path,
                     int port = 0, const std::string& user = "", const std::string& password = "");
/// The body of a 2xx reply; fails the test on anything else.
std::string fetch(http::Client& client, const std::string& url);

}  // namespace tessera::e2e
