#pragma once
// Inside the room: the certificate of the admission webhook, from what the watches have told to what is written and
// said of it. What to do is decided in certificates.h. Thread contract: one thread.
#include <optional>
#include <string>

#include "operator/conditions.h"
#include "operator/plan.h"
#include "operator/seen.h"

namespace tessera::operate {

struct Serving {
  std::string authorities{};                       ///< PEM, for the webhook's configuration; empty: not ours to tell
  std::optional<CertificateSecret> certificate{};  ///< to be written
  std::optional<Condition> condition{};            ///< nullopt: there is no webhook
  std::optional<EpochMs> expiry{};                 ///< of what the Secret holds
};

class ServingKeeper {
 public:
  /// `seen` holds the kinds Secret, of the webhook, and MutatingWebhookConfiguration.
  Serving look(const GpuMonitor& monitor, const Seen::Snapshot& seen, EpochMs now);

 private:
  std::optional<CertificateSecret> made_;  // and not told of by the watch yet: it is not made twice
  EpochMs made_at_ = 0;
};

/// The Secret as it is created; of one that is there, what is changed.
nlohmann::ordered_json certificate_object(const GpuMonitor& monitor, const CertificateSecret& secret);

}  // namespace tessera::operate
