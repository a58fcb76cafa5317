#pragma once
// What a receiver's reply means for the request that it answers. Pure.
#include <cstdint>
#include <optional>

#include "http/client.h"
#include "relay/request_kind.h"

namespace tessera::relay {

enum class Verdict {
  Taken,
  Later,        ///< the same again, after a while
  NotSpoken,    ///< it does not understand this form of request
  BadContent,   ///< it refuses something in it
  Credentials,  ///< it does not know us
  Refused       ///< it refuses it, whatever is in it
};

struct Asked {
  RequestKind kind;
  bool taken_before;  ///< the receiver has taken a request of this form
  bool retry_on_429;
};

/// How many samples a receiver of version 2 says it has stored; nullopt where it says nothing of the kind, which is
/// how a receiver of version 1 is told: to that one the message is empty, and it answers 2xx.
std::optional<std::uint64_t> samples_written(const http::ClientResponse& reply);

Verdict judge(const http::ClientResponse& reply, const Asked& asked);

}  // namespace tessera::relay
