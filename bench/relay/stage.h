#pragma once
// One run of one program: the load and the receiver on the first core, the program alone on the last.
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/files.h"
#include "bench/relay/contender.h"
#include "bench/relay/page.h"
#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::bench {

struct LoadShape {
  unsigned targets;
  Shape page;
  unsigned interval_s;
  double per_second() const { return 1.0 * targets * page.samples() / interval_s; }
};

/// What the receiver has counted: see relay_sink.cc.
struct Received {
  std::map<std::string, double> counts;
  std::vector<std::pair<EpochMs, double>> by_time;  ///< samples

  double operator[](const std::string& name) const;
  /// Samples of the times from `begin` on for `length_ms`.
  double within(EpochMs begin, EpochMs length_ms) const;
};

class Stage {
 public:
  /// Starts load and receiver, not the program. `check`: see relay_load.cc and relay_sink.cc.
  Stage(const Contender& contender, const LoadShape& shape, bool check);

  void start();
  /// Waits until samples arrive; nothing of the run is worth anything where it is false.
  bool delivers();
  e2e::Child& program() { return *program_; }

  Received received();
  double pages_served();
  void refuse(std::chrono::milliseconds how_long);
  void end_load();

 private:
  std::string call(const std::string& method, const std::string& url);

  const Contender& contender_;
  TempDir folder_;
  e2e::Child load_, sink_;
  std::string load_url_, sink_url_;
  Work work_;
  http::Client client_;
  std::unique_ptr<e2e::Child> program_;
};

/// The command, on one core only. The core's number: 0 for the load, the receiver and whoever waits, 1 for the program.
std::vector<std::string> pinned(int core, std::vector<std::string> command);

}  // namespace tessera::bench
