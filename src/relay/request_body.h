#pragma once
// From a message to the body of a request of some form, and back.
#include <string>
#include <string_view>

#include "base/result.h"
#include "relay/request_kind.h"

namespace tessera::relay {

Result<wire::WriteRequest> unpack(RequestKind kind, std::string_view body);
std::string pack(RequestKind kind, const wire::WriteRequest& request);

}  // namespace tessera::relay
