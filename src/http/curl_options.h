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

struct CleanEasy {
  void operator()(void* easy) const noexcept;
};
struct CleanMulti {
  void operator()(void* multi) const noexcept;
};
using Easy = std::unique_ptr<void, CleanEasy>;
using Multi = std::unique_ptr<void, CleanMulti>;

/// On the first request rather than at load: it starts OpenSSL, which a program that calls nobody should not pay for.
/// False: libcurl cannot be used at all.
bool start_curl();

/// "GET http://host/path", for messages: without user and password.
std::string target_name(const ClientRequest& request);

/// Invalid for what would not be the request that was meant: line breaks in headers, other schemes, odd methods.
Result<void> check(const ClientRequest& request);
Result<void> check_url(const ClientRequest& request);  ///< that part of it

/// What a request is to libcurl, with the strings that libcurl does not copy. Keep it, and the request, until the
/// transfer is over.
class CurlOptions {
 public:
  /// Sets all that a checked request asks for on a fresh (or reset) handle; the callbacks are left to the caller.
  CurlOptions(void* easy, const ClientRequest& request);
  CurlOptions(const CurlOptions&) = delete;
  CurlOptions& operator=(const CurlOptions&) = delete;
  /// Sets what this request, which has no server_name, asks for after another that differed in the URL alone.
  void move_to(const std::string& url);

 private:
  struct Free {
    void operator()(curl_slist* list) const noexcept;
  };
  using List = std::unique_ptr<curl_slist, Free>;
  static void add(List& list, const std::string& line);
  void add_headers(const ClientRequest& request);
  std::string verify_as(const std::string& name);
  bool is_home(const char* url) const;
  static int choose_headers(void* self, char*, char*, int, int);

  void* const easy_;
  std::string asked_;  ///< the request's URL
  std::string url_;    ///< libcurl's: its host is the name to verify, where one is
  List headers_;
  List headers_abroad_;  ///< for another host; null: the same
  List connect_to_;      ///< null: the URL's host
};

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
