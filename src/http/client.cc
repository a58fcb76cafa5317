#include "http/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/text.h"

namespace tessera::http {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256U << 10U;  // all header and trailer lines of a reply

struct CleanEasy {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
struct CleanMulti {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
using Easy = std::unique_ptr<CURL, CleanEasy>;
using List = std::unique_ptr<curl_slist, FreeList>;

/// What libcurl's callbacks write into.
struct Reply {
  ClientResponse response;
  std::size_t max_body_bytes = 0;
  std::size_t header_bytes = 0;
  bool body_too_long = false;
  bool header_too_long = false;
};

// On the first request rather than at load: it starts OpenSSL, which a program that calls nobody should not pay for.
bool start_curl() {
  static std::once_flag once;
  static bool started = false;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; });
  return started;
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* target) {
  auto& reply = *static_cast<Reply*>(target);
  if (size > reply.max_body_bytes - reply.response.body.size()) {
    reply.body_too_long = true;
    return 0;
  }
  reply.response.body.append(data, size);
  return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* target) {
  auto& reply = *static_cast<Reply*>(target);
  reply.header_bytes += size;
  if (reply.header_bytes > kMaxHeaderBytes) {
    reply.header_too_long = true;
    return 0;
  }
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {  // also after "100 Continue": only the last reply's headers count
    reply.response.headers.clear();
    return size;
  }
  if (const auto colon = line.find(':'); colon != std::string_view::npos)
    reply.response.headers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  return size;
}

/// The URL without user and password: what may be shown in an error.
std::string shown(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const auto begin = scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  const auto at = url.rfind('@', end);
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + url.substr(at + 1);
}

std::string target_name(const ClientRequest& request) {
  const std::string url = shown(request.url);
  if (request.unix_socket.empty()) return fmt::format("{} {}", request.method, url);
  return fmt::format("{} {} over {}", request.method, url, request.unix_socket);
}

// A line break in a header or method would let its sender write headers of his own.
bool one_line(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos; }

Result<void> check(const ClientRequest& request) {
  if (request.method.empty() || request.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
    return fail(Code::Invalid, "{}: the method must be a word in capital letters", shown(request.url));
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://"))
    return fail(Code::Invalid, "{}: the URL must begin with http:// or https://", target_name(request));
  if (!one_line(request.url)) return fail(Code::Invalid, "{}: the URL holds a line break", request.method);
  for (const auto& [name, value] : request.headers)
    if (name.empty() || !one_line(name) || !one_line(value) || name.find(':') != std::string::npos)
      return fail(Code::Invalid, "{}: header '{}' holds a line break or a colon", target_name(request), name);
  return {};
}

List header_list(const ClientRequest& request) {
  List list;
  const auto add = [&](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
  add("Expect:");  // never wait for "100 Continue"
  const bool typed = std::any_of(request.headers.begin(), request.headers.end(),
                                 [](const auto& header) { return lower(header.first) == "content-type"; });
  if (!typed) add("Content-Type:");  // libcurl would claim a form
  for (const auto& [name, value] : request.headers)
    add(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));  // "name;" is libcurl's empty header
  return list;
}

void set_method(CURL* easy, const ClientRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.method == "GET" && request.body.empty()) return;
  const bool carries_body = !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
                            request.method == "PATCH";  // an empty body of these is a body of length 0
  if (carries_body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_connection(CURL* easy, const ClientRequest& request) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);  // signals belong to the program's own thread
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);  // a redirect is a reply, which the caller sees
  curl_easy_setopt(easy, CURLOPT_PROXY, "");           // targets are named exactly; http_proxy is for browsers
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,           // 0 would mean none
                   static_cast<long>(std::max<Milliseconds::rep>(request.deadline.count(), 1)));
  if (!request.unix_socket.empty()) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  curl_easy_setopt(
      easy, CURLOPT_HTTP_VERSION,
      request.http2_prior_knowledge ? long{CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE} : long{CURL_HTTP_VERSION_1_1});
  if (request.fresh_connection) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (!request.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);       // this file and nothing else
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);  // kept for a day by default, and CAs are renewed under us
  }
  if (!request.cert_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, request.cert_file.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, request.key_file.c_str());
  }
  if (!request.basic_user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, request.basic_user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, request.basic_password.c_str());
  }
}

// As curl_easy_perform, which waits for the socket and so stalls for 0.2 to 1.2 s on HTTP/2 replies of more than some
// 32 KiB: libcurl 7.88 has then read the rest already, and hands it out at its next turn only.
CURLcode perform_http2(CURL* easy) {
  constexpr int kTurnMs = 5;
  const std::unique_ptr<CURLM, CleanMulti> multi(curl_multi_init());
  if (!multi || curl_multi_add_handle(multi.get(), easy) != CURLM_OK) return CURLE_FAILED_INIT;
  CURLMcode turn = CURLM_OK;
  for (int running = 1; turn == CURLM_OK && running != 0;) {
    turn = curl_multi_perform(multi.get(), &running);
    if (turn == CURLM_OK && running != 0) turn = curl_multi_poll(multi.get(), nullptr, 0, kTurnMs, nullptr);
  }
  int left = 0;
  const CURLMsg* const done = curl_multi_info_read(multi.get(), &left);
  const CURLcode code = done ? done->data.result : CURLE_FAILED_INIT;
  curl_multi_remove_handle(multi.get(), easy);
  return code;
}

}  // namespace

struct Client::Impl {
  Easy easy;

  Error why(const ClientRequest& request, const Reply& reply, CURLcode code, const char* detail) const;
};

Error Client::Impl::why(const ClientRequest& request, const Reply& reply, CURLcode code, const char* detail) const {
  curl_off_t micros = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_TOTAL_TIME_T, &micros);
  const auto ms = micros / 1000;
  const std::string target = target_name(request);
  if (reply.body_too_long)
    return fail(Code::Unavailable, "{}: the reply's body is longer than {} bytes", target, request.max_body_bytes);
  if (reply.header_too_long)
    return fail(Code::Unavailable, "{}: the reply's headers are longer than {} bytes", target, kMaxHeaderBytes);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return fail(Code::Unavailable, "{}: no full reply within {} ({})", target, format_duration(request.deadline),
                *detail ? detail : curl_easy_strerror(code));
  long os_error = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_OS_ERRNO, &os_error);
  const bool denied = code == CURLE_COULDNT_CONNECT && (os_error == EACCES || os_error == EPERM);
  const bool invalid =
      code == CURLE_URL_MALFORMAT || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_BAD_FUNCTION_ARGUMENT;
  const std::string system = os_error != 0 && code == CURLE_COULDNT_CONNECT
                                 ? fmt::format(": {}", std::strerror(static_cast<int>(os_error)))
                                 : "";
  return fail(denied    ? Code::Denied
              : invalid ? Code::Invalid
                        : Code::Unavailable,
              "{}: {}{} (after {} ms)", target, *detail ? detail : curl_easy_strerror(code), system, ms);
}

std::string_view ClientResponse::header(std::string_view name) const {
  const std::string wanted = lower(name);
  for (auto it = headers.rbegin(); it != headers.rend(); ++it)
    if (it->first == wanted) return it->second;
  return {};
}

Client::Client() : impl_(std::make_unique<Impl>()) {}
Client::~Client() = default;

Result<ClientResponse> Client::send(const ClientRequest& request) {
  TRY(check(request));
  if (!impl_->easy && start_curl()) impl_->easy.reset(curl_easy_init());
  CURL* const easy = impl_->easy.get();
  if (!easy) return fail(Code::Internal, "{}: libcurl could not be started", target_name(request));

  Reply reply;
  reply.max_body_bytes = request.max_body_bytes;
  char detail[CURL_ERROR_SIZE] = "";
  const List headers = header_list(request);
  curl_easy_reset(easy);  // options only: connections stay
  set_connection(easy, request);
  set_method(easy, request);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &reply);
  const CURLcode code = request.http2_prior_knowledge ? perform_http2(easy) : curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);  // `detail` ends with this call
  if (code != CURLE_OK) return impl_->why(request, reply, code, detail);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.response.status = static_cast<int>(status);
  return std::move(reply.response);
}

}  // namespace tessera::http
