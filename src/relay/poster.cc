#include "relay/poster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "relay/http_settings.h"

namespace tessera::relay {
namespace {

constexpr std::size_t kExcerpt = 512;
constexpr std::uint64_t kSameConnection = 3;  // tries: behind a balancer a new one may lead to a replica that is well

}  // namespace

Result<http::ClientResponse> Poster::post(Parcel& parcel, std::uint64_t attempt, const std::stop_token& cut) {
  const RequestForm& form = form_of(parcel.kind);
  http::ClientRequest request;
  request.url = destination_.url;
  request.method = "POST";
  request.deadline = request.stall_limit = destination_.timeout;
  request.headers = {{"Content-Type", std::string(form.content_type)},
                     {"Content-Encoding", std::string(wire::content_encoding(form.compression))},
                     {std::string(form.version_header), std::string(form.version)},
                     {"User-Agent", "tessera-relay/" TESSERA_VERSION}};
  request.fresh_connection = attempt >= kSameConnection;
  if (attempt > 0) request.headers.emplace_back("Retry-Attempt", std::to_string(attempt));
  TRY(add_http_settings(destination_.http, request));
  request.body = std::move(parcel.body);
  // What a receiver says with a success is of no interest, but the connection is: so it is read to its end, in time.
  const SteadyTime enough = std::chrono::steady_clock::now() + 2 * destination_.timeout;
  auto reply =
      client_.stream(request, [enough](std::string_view) { return std::chrono::steady_clock::now() < enough; }, cut);
  parcel.body = std::move(request.body);
  return reply;
}

bool Poster::credentials_may_change() const { return reads_files(destination_.http); }

std::string excerpt(const http::ClientResponse& reply) {
  std::string text = valid_utf8(trim(std::string_view(reply.body).substr(0, kExcerpt)));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
  if (text.empty()) return fmt::format("status {}", reply.status);
  return fmt::format("status {}: {}", reply.status, text);
}

}  // namespace tessera::relay
