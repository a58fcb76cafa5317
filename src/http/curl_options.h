#pragma once
// Inside this room: what a ClientRequest means to libcurl, for all that drive transfers (client, fetch loop). No header
// of libcurl here: `easy` is a CURL*, `code` a CURLcode.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"

struct curl_slist;

namespace tessera::http {

/// On the first request rather than at load: it starts OpenSSL, which a program that calls nobody should not pay for.
/// False: libcurl cannot be used at all.
bool start_curl();

/// "GET http://host/path", for messages: without user and password.
std::string target_name(const ClientRequest& request);

/// Invalid for what would not be the request that was meant: line breaks in headers, other schemes, odd methods.
Result<void> check(const ClientRequest& request);

/// The strings of a transfer that libcurl does not copy. Keep them, and the request, until the transfer is over.
class CurlLists {
 public:
  explicit CurlLists(const ClientRequest& request);
  const curl_slist* headers() const { return headers_.get(); }
  const curl_slist* connect_to() const { return connect_to_.get(); }  ///< null: the URL's host
  const std::string& url() const { return url_; }                     ///< its host is the name to verify, where one is

 private:
  struct Free {
    void operator()(curl_slist* list) const noexcept;
  };
  using List = std::unique_ptr<curl_slist, Free>;
  static void add(List& list, const std::string& line);
  std::string verify_as(const std::string& name);

  std::string url_;
  List headers_;
  List connect_to_;
};

/// Sets all that a checked request asks for on a fresh (or reset) handle; the callbacks are left to the caller.
void set_options(void* easy, const ClientRequest& request, const CurlLists& lists);

/// The head of a reply, line by line as libcurl's header callback gets it. Only the last head counts, after "100
/// Continue", redirects or a proxy's answer; trailers of HTTP/2 follow the headers.
class HeadLines {
 public:
  static constexpr std::size_t kMaxBytes = 256U << 10U;  ///< of all lines, those of earlier heads too
  /// False, and nothing taken, once they are too many.
  bool take(std::string_view line, ClientResponse& into);
  bool too_long() const { return bytes_ > kMaxBytes; }

 private:
  std::size_t bytes_ = 0;
};

/// Why a transfer failed; `detail` is what CURLOPT_ERRORBUFFER says.
Error failure(void* easy, const ClientRequest& request, int code, const char* detail);

}  // namespace tessera::http
