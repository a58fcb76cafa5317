#pragma once
// One request at a time to a destination, with all that the protocol and the configuration want in it.
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "http/client.h"
#include "relay/config.h"
#include "relay/request_kind.h"

namespace tessera::relay {

/// What goes out: the body is exactly what is posted.
struct Parcel {
  RequestKind kind = RequestKind::V2Snappy;
  std::uint64_t samples = 0;
  EpochMs time = 0;
  std::string body;
};

/// Of one thread.
class Poster {
 public:
  explicit Poster(const Destination& destination) : destination_(destination) {}

  /// `attempt` 0 is the first. Files of credentials are read anew each time. Unavailable at once when `cut` says so.
  Result<http::ClientResponse> post(Parcel& parcel, std::uint64_t attempt, const std::stop_token& cut);

  /// Whether another try may carry other credentials.
  bool credentials_may_change() const;

 private:
  const Destination& destination_;
  http::Client client_;
};

/// The first bytes of a reply as a person may read them on one line; its status where there are none.
std::string excerpt(const http::ClientResponse& reply);

}  // namespace tessera::relay
