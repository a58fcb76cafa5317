#include "http/client.h"

#include <curl/curl.h>

#include "base/text.h"
#include "http/curl_options.h"

namespace tessera::http {
namespace {

struct CleanEasy {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct CleanMulti {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
using Easy = std::unique_ptr<CURL, CleanEasy>;

/// What libcurl's callbacks write into.
struct Reply {
  ClientResponse response;
  HeadLines head;
  std::size_t max_body_bytes = 0;
  bool body_too_long = false;
};

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
  return reply.head.take({data, size}, reply.response) ? size : 0;
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
  if (reply.body_too_long)
    return fail(Code::Unavailable, "{}: the reply's body is longer than {} bytes", target_name(request),
                request.max_body_bytes);
  if (reply.head.too_long())
    return fail(Code::Unavailable, "{}: the reply's headers are longer than {} bytes", target_name(request),
                HeadLines::kMaxBytes);
  return failure(easy.get(), request, code, detail);
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
  const CurlLists lists(request);
  curl_easy_reset(easy);  // options only: connections stay
  set_options(easy, request, lists);
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
