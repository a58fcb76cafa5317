#pragma once
// A page of metrics that somebody pushes, as the remote-write message that says the same. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "metrics/parse.h"
#include "server/batch.h"
#include "wire/write_request.h"

namespace tessera::server {

/// What the page does not say by itself.
struct PageContext {
  metrics::Format format = metrics::Format::Text;
  std::vector<wire::Label> labels{};  ///< of every series, in the place of the page's own; sorted by name
  EpochMs time = 0;                   ///< of lines without a timestamp
};

/// What a page without a telling Content-Type is: OpenMetrics ends in `# EOF`.
metrics::Format format_of(std::string_view page);

/// A message of version 1. Invalid with line and column for a page that does not parse or goes beyond `limits`.
Result<std::string> page_message(std::string_view page, const PageContext& context, const IntakeLimits& limits);

}  // namespace tessera::server
