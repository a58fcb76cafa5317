#pragma once
// The relay's answers to programs: camelCase, times in RFC 3339, what is not known is left out.
#include <string>

#include "relay/explanation.h"
#include "relay/overview.h"

namespace tessera::relay {

/// Every target in the order given; where they come from; and those that were found and are not scraped.
std::string targets_json(const Overview& seen);
/// The configuration, and every destination with its queue.
std::string status_json(const Overview& seen);
std::string explanation_json(const ExplainedPod& explained);

}  // namespace tessera::relay
