#pragma once
// Pods that wait at our scheduling gate: each gets an allocation, is told why it waits, and goes to its node when what
// it was promised is there. All that is needed stands in the database and at the API server, so a restart goes on.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/latest.h"
#include "kube/api.h"
#include "kube/status.h"
#include "server/admission/counts.h"
#include "server/admission/gate_steps.h"
#include "server/allocations.h"
#include "server/keeper.h"

namespace tessera::server {

struct GateOptions {
  Milliseconds look_every{1'000};      ///< 0: only look() does
  Milliseconds patience{12 * 60'000};  ///< see gate_steps(); longer than a change of the node may take
  Milliseconds first_backoff{1'000}, most_backoff{60'000};
  Milliseconds echo{60'000};  ///< within which what was written shows in the watch, else it is written again
};

/// For a server that leads. What is given outlives it.
class Gates {
 public:
  /// `may_act`: whether this server leads, and knows what it knew before its start.
  Gates(kube::ApiServer server, const Latest<Published>& fleet, Allocations& allocations, std::function<bool()> may_act,
        AdmissionCounts& counts, GateOptions options);
  ~Gates();
  Gates(const Gates&) = delete;
  Gates& operator=(const Gates&) = delete;

  /// One round of the thread; for tests, too.
  void look(const std::stop_token& stop);

 private:
  struct Reply {
    kube::Status status;
    std::string body;
    std::string trouble;  ///< what was tried and why it did not go well; empty: it did
  };
  /// What became of a step.
  enum class Done : std::uint8_t {
    Yes,
    Stale,  ///< something else is to be done by now
    Again,  ///< later
    Away    ///< the API server or the database is
  };

  bool round(const std::stop_token& stop);
  Done take(const GateStep& step, const Published& known, const std::stop_token& stop);
  Done ask(const GateStep& step, const Published& known, const std::stop_token& stop);
  Done tell(const GateStep& step, const std::stop_token& stop);
  Done open(const GateStep& step, const Published& known, const std::stop_token& stop);
  bool still_so(const GateStep& step) const;
  Done judge(const GateStep& step, const Result<Reply>& reply);
  void event(const GateStep& step, const std::stop_token& stop);
  void note_trouble(const GateStep& step, const std::string& what);
  Result<Reply> call(kube::ApiRequest request, const std::stop_token& stop);

  kube::Api api_;
  const Latest<Published>& fleet_;
  Allocations& allocations_;
  const std::function<bool()> may_act_;
  AdmissionCounts& counts_;
  const GateOptions options_;
  /// Of a pod at the gate.
  struct Tried {
    std::optional<GateStep> done;  ///< what was done last
    SteadyTime until{};            ///< when that is done again, or what failed tried again
    unsigned failures = 0;
    unsigned asked = 0;
    std::string trouble;  ///< said once
  };
  std::map<std::string, Tried> tried_;  ///< by "namespace/name uid"; the thread's
  SteadyTime not_before_{};             ///< the API server is away
  unsigned times_away_ = 0;
  unsigned events_ = 0;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace tessera::server
