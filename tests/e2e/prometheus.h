#pragma once
// Debian's Prometheus, scraping what a test tells it to and answering PromQL.
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
  /// The instant vector of a query; fails the test on an error reply.
  std::vector<Vector> query(const std::string& promql);
  /// Waits until every target has been scraped at least `count` times.
  bool scraped(int count);

 private:
  Prometheus(const std::vector<std::string>& addresses, const std::string& job);
  TempDir dir_;
  std::string url_;
  std::size_t targets_;
  std::unique_ptr<Child> process_;
  http::Client client_;
};

}  // namespace tessera::e2e
