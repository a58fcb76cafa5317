#include "server/alerts/delivery.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace tessera::server {

std::string shown_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == url.npos ? 0 : scheme + 3;
  const std::string authority = url.substr(host, url.find_first_of("/?#", host) - host);
  return url.substr(0, host) + authority.substr(authority.rfind('@') + 1);  // npos + 1 is 0
}

Result<std::string> secret_in(const std::string& file) { return std::string(trim(TRY(read_file(file, 64U << 10U)))); }

Result<void> post_json(http::Client& client, http::ClientRequest request, const std::string& name, bool may_say) {
  const bool has_credentials = !request.basic_user.empty() || std::ranges::any_of(request.headers, [](const auto& one) {
    return one.first == "Authorization";
  });
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "application/json");
  const auto reply = client.send(request);
  if (!reply) return fail(Code::Unavailable, "no reply from {}", name);
  if (reply->status >= 200 && reply->status < 300) return {};
  const int status = reply->status;
  const bool refused = status >= 400 && status < 500 && status != 408 && status != 429;
  const bool denied = has_credentials && (status == 401 || status == 403);
  const Code code = denied ? Code::Denied : refused ? Code::Invalid : Code::Unavailable;
  if (!may_say) return fail(code, "{} answered {}", name, reply->status);
  return fail(code, "{} answered {}: {}", name, reply->status, valid_utf8(reply->body.substr(0, 200)));
}

}  // namespace tessera::server
