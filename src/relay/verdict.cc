#include "relay/verdict.h"

#include <algorithm>

#include "base/text.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kWritten[] = {"x-prometheus-remote-write-samples-written",
                                         "x-prometheus-remote-write-histograms-written",
                                         "x-prometheus-remote-write-exemplars-written"};

// Only what says "these data": the rest of 4xx would be said of any other data too, so taking the request apart is of
// no use, and the protocol forbids to repeat it.
constexpr int kContent[] = {400, 409, 413, 422};

}  // namespace

std::optional<std::uint64_t> samples_written(const http::ClientResponse& reply) {
  bool any = false;
  for (const auto name : kWritten) any |= !reply.header(name).empty();
  if (!any) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(parse_int(trim(reply.header(kWritten[0]))).value_or(0), 0));
}

Verdict judge(const http::ClientResponse& reply, const Asked& asked) {
  const int status = reply.status;
  const bool newer_form = asked.kind != RequestKind::V1Snappy;
  const auto written = asked.kind == RequestKind::V2Snappy ? samples_written(reply) : std::nullopt;
  if (status / 100 == 2) return asked.kind == RequestKind::V2Snappy && !written ? Verdict::NotSpoken : Verdict::Taken;
  if (status == 429) return asked.retry_on_429 ? Verdict::Later : Verdict::Refused;
  if (status / 100 != 4)
    return Verdict::Later;  // 5xx; and a redirect that leads nowhere may be mended: nothing is lost
  if (status == 415) return newer_form ? Verdict::NotSpoken : Verdict::Refused;
  if (status == 401) return Verdict::Credentials;
  if (std::ranges::find(kContent, status) == std::end(kContent)) return Verdict::Refused;
  if (written && *written > 0) return Verdict::Taken;  // it has kept the good ones, and says how many
  if (status == 400 && newer_form && !written && !asked.taken_before) return Verdict::NotSpoken;
  return Verdict::BadContent;
}

}  // namespace tessera::relay
