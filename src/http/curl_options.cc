#include "http/curl_options.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/text.h"

namespace tessera::http {
namespace {

constexpr long kKeepaliveIdleSeconds = 30;  // a peer that vanished without a word is noticed within a minute
constexpr long kKeepaliveEverySeconds = 10;

struct CleanUrl {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};

/// The URL without user and password: what may be shown in an error.
std::string shown(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const auto begin = scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  const auto at = url.rfind('@', end);
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + url.substr(at + 1);
}

/// Likewise of a proxy, whose URL has no path and may lack the scheme.
std::string shown_proxy(const std::string& url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  const auto at = url.rfind('@');
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + url.substr(at + 1);
}

/// What libcurl says of a failure, but where it quotes a URL that may have a user and password in it.
const char* text_of(int code, const char* detail) {
  const bool may_quote = std::strchr(detail, '@') != nullptr;
  return *detail && !may_quote ? detail : curl_easy_strerror(static_cast<CURLcode>(code));
}

// A line break in a header or method would let its sender write headers of his own.
bool one_line(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos; }

using Headers = std::vector<std::pair<std::string, std::string>>;

bool has_header(const Headers& headers, std::string_view name) {
  return std::ranges::any_of(headers, [&](const auto& header) { return lower(header.first) == name; });
}

// As libcurl's empty header, "name;".
std::string line_of(const Headers::value_type& header) {
  return header.second.empty() ? header.first + ";" : fmt::format("{}: {}", header.first, header.second);
}

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, void (*)(void*)> owner(text, curl_free);
  return text;
}

/// "https://host:443": whoever has another is another host. Empty where the URL cannot be read.
std::string origin(const char* text) {
  const std::unique_ptr<CURLU, CleanUrl> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text, 0) != CURLUE_OK) return "";
  return fmt::format("{}://{}:{}", part(url.get(), CURLUPART_SCHEME), lower(part(url.get(), CURLUPART_HOST)),
                     part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

/// An empty body of the last three is a body of length 0.
bool carries_body(const ClientRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
}

void set_method(CURL* easy, const ClientRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.method == "GET" && request.body.empty()) return;
  if (carries_body(request)) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    // libcurl would send the method of CUSTOMREQUEST to the new place, but no body: to many a receiver that is fine.
    curl_easy_setopt(easy, CURLOPT_POSTREDIR, long{CURL_REDIR_POST_ALL});
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

/// libcurl takes the user and password of a proxy (of nobody else) for a URL's, and undoes %40 and the like.
std::string undecoded(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '%' ? std::string("%25") : std::string(1, c);
  return out;
}

void set_route(CURL* easy, const ClientRequest& request) {
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request.max_redirects > 0 ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, static_cast<long>(request.max_redirects));
  curl_easy_setopt(easy, CURLOPT_PROXY, request.proxy_url.c_str());  // empty: none, whatever http_proxy says
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  if (!request.proxy_user.empty() || !request.proxy_password.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, undecoded(request.proxy_user).c_str());
    curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, undecoded(request.proxy_password).c_str());
  }
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!request.unix_socket.empty()) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
    return;
  }
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepaliveEverySeconds);
}

void set_connection(CURL* easy, const ClientRequest& request) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);  // signals belong to the program's own thread
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,     // 0 would mean none
                   static_cast<long>(std::max<Milliseconds::rep>(request.deadline.count(), 1)));
  curl_easy_setopt(
      easy, CURLOPT_HTTP_VERSION,
      request.http2_prior_knowledge ? long{CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE} : long{CURL_HTTP_VERSION_1_1});
  if (request.fresh_connection) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
}

void set_blob(CURL* easy, CURLoption option, const std::string& pem) {
  if (pem.empty()) return;
  curl_blob blob{};
  blob.data = const_cast<char*>(pem.data());  // libcurl copies it
  blob.len = pem.size();
  blob.flags = CURL_BLOB_COPY;
  curl_easy_setopt(easy, option, &blob);
}

struct TlsVersion {
  std::string_view name;
  long least, most;
};
constexpr TlsVersion kTlsVersions[] = {{"TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
                                       {"TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3}};

void set_tls_versions(CURL* easy, const ClientRequest& request) {
  long versions = CURL_SSLVERSION_DEFAULT;
  for (const TlsVersion& version : kTlsVersions) {
    if (version.name == request.tls_least) versions |= version.least;
    if (version.name == request.tls_most) versions |= version.most;
  }
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, versions);
}

void set_identity(CURL* easy, const ClientRequest& request) {
  set_tls_versions(easy, request);
  set_blob(easy, CURLOPT_CAINFO_BLOB, request.ca_pem);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, request.cert_pem);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, request.key_pem);
  if (request.insecure_skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
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

}  // namespace

void CleanEasy::operator()(void* easy) const noexcept { curl_easy_cleanup(easy); }
void CleanMulti::operator()(void* multi) const noexcept { curl_multi_cleanup(multi); }

bool start_curl() {
  static std::once_flag once;
  static bool started = false;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; });
  return started;
}

std::string target_name(const ClientRequest& request) {
  const std::string url = shown(request.url);
  if (!request.unix_socket.empty()) return fmt::format("{} {} over {}", request.method, url, request.unix_socket);
  if (!request.proxy_url.empty())
    return fmt::format("{} {} through {}", request.method, url, shown_proxy(request.proxy_url));
  return fmt::format("{} {}", request.method, url);
}

Result<void> check(const ClientRequest& request) {
  if (request.method.empty() || request.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
    return fail(Code::Invalid, "{}: the method must be a word in capital letters", shown(request.url));
  TRY(check_url(request));
  for (const auto* headers : {&request.headers, &request.home_headers})
    for (const auto& [name, value] : *headers)
      if (name.empty() || !one_line(name) || !one_line(value) || name.find(':') != std::string::npos)
        return fail(Code::Invalid, "{}: header '{}' holds a line break or a colon", target_name(request), name);
  if (request.server_name.find_first_of(std::string_view("/:@?#\r\n\0 ", 9)) != std::string::npos)
    return fail(Code::Invalid, "{}: the server name '{}' is no host name", target_name(request), request.server_name);
  return {};
}

Result<void> check_url(const ClientRequest& request) {
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://"))
    return fail(Code::Invalid, "{}: the URL must begin with http:// or https://", target_name(request));
  if (!one_line(request.url)) return fail(Code::Invalid, "{}: the URL holds a line break", request.method);
  return {};
}

void CurlOptions::Free::operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }

void CurlOptions::add(List& list, const std::string& line) {
  list.reset(curl_slist_append(list.release(), line.c_str()));
}

CurlOptions::CurlOptions(void* easy, const ClientRequest& request)
    : easy_(easy), asked_(request.url), url_(request.url) {
  set_connection(easy, request);
  set_route(easy, request);
  set_identity(easy, request);
  set_method(easy, request);
  add_headers(request);  // after which url_ is what it is
  curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  if (connect_to_) curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
  if (!headers_abroad_) return;
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, choose_headers);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
}

void CurlOptions::move_to(const std::string& url) {
  asked_ = url_ = url;
  curl_easy_setopt(easy_, CURLOPT_URL, url_.c_str());
}

void CurlOptions::add_headers(const ClientRequest& request) {
  const auto add_all = [with_body = carries_body(request)](List& list, const Headers& headers) {
    if (with_body) add(list, "Expect:");                                                // never wait for "100 Continue"
    if (with_body && !has_header(headers, "content-type")) add(list, "Content-Type:");  // libcurl would claim a form
    for (const auto& header : headers) add(list, line_of(header));
  };
  Headers all = request.headers;
  all.insert(all.end(), request.home_headers.begin(), request.home_headers.end());
  add_all(headers_, all);
  if (request.max_redirects > 0 && !request.home_headers.empty()) add_all(headers_abroad_, request.headers);
  if (request.server_name.empty() || !request.url.starts_with("https://")) return;
  const std::string host = verify_as(request.server_name);
  if (!host.empty() && !has_header(all, "host")) add(headers_, "Host: " + host);
}

// libcurl itself keeps back no more than Authorization and Cookie. It asks this before each request of a transfer.
int CurlOptions::choose_headers(void* self, char*, char*, int, int) {
  const auto& options = *static_cast<CurlOptions*>(self);
  char* url = nullptr;
  curl_easy_getinfo(options.easy_, CURLINFO_EFFECTIVE_URL, &url);
  const List& chosen = url && options.is_home(url) ? options.headers_ : options.headers_abroad_;
  return curl_easy_setopt(options.easy_, CURLOPT_HTTPHEADER, chosen.get()) == CURLE_OK ? CURL_PREREQFUNC_OK
                                                                                       : CURL_PREREQFUNC_ABORT;
}

bool CurlOptions::is_home(const char* url) const {
  if (url_ == url) return true;
  const std::string place = origin(url);
  return !place.empty() && (place == origin(url_.c_str()) || place == origin(asked_.c_str()));
}

// libcurl verifies the URL's host, so that becomes the name, and the connection is sent where the URL pointed to. What
// the Host header must be then; empty where the URL cannot be read, which libcurl will say better.
std::string CurlOptions::verify_as(const std::string& name) {
  const std::unique_ptr<CURLU, CleanUrl> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, url_.c_str(), 0) != CURLUE_OK) return "";
  const std::string host = part(url.get(), CURLUPART_HOST);
  const std::string given_port = part(url.get(), CURLUPART_PORT);
  const std::string port = part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (curl_url_set(url.get(), CURLUPART_HOST, name.c_str(), 0) != CURLUE_OK) return "";
  const std::string renamed = part(url.get(), CURLUPART_URL);
  if (renamed.empty()) return "";
  url_ = renamed;
  add(connect_to_, fmt::format("{}:{}:{}:{}", name, port, host, port));
  return given_port.empty() ? host : host + ":" + given_port;
}

bool HeadLines::take(std::string_view line, ClientResponse& into) {
  bytes_ += line.size();
  if (too_long()) return false;
  if (line.starts_with("HTTP/")) {
    into.headers.clear();
    const auto blank = line.find(' ');
    const auto status = parse_int(blank == std::string_view::npos ? "" : line.substr(blank + 1, 3));
    into.status = status ? static_cast<int>(*status) : 0;
    return true;
  }
  if (const auto colon = line.find(':'); colon != std::string_view::npos)
    into.headers.emplace_back(lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
  return true;
}

Error failure(void* easy, const ClientRequest& request, int code, const char* detail) {
  curl_off_t micros = 0;
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &micros);
  const std::string target = target_name(request);
  const char* const text = text_of(code, detail);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return fail(Code::Unavailable, "{}: no full reply within {} ({})", target, format_duration(request.deadline), text);
  long os_error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
  const bool denied = code == CURLE_COULDNT_CONNECT && (os_error == EACCES || os_error == EPERM);
  const bool invalid =
      code == CURLE_URL_MALFORMAT || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_BAD_FUNCTION_ARGUMENT;
  const std::string system = os_error != 0 && code == CURLE_COULDNT_CONNECT
                                 ? fmt::format(": {}", std::strerror(static_cast<int>(os_error)))
                                 : "";
  return fail(denied    ? Code::Denied
              : invalid ? Code::Invalid
                        : Code::Unavailable,
              "{}: {}{} (after {} ms)", target, text, system, micros / 1000);
}

}  // namespace tessera::http
