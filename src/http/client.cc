#include "http/client.h"

#include <curl/curl.h>

#include <optional>

#include "base/text.h"
#include "http/curl_options.h"

namespace tessera::http {
namespace {

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

/// Runs `easy` to its end on `multi`, or until `go_on` says no, which it is asked at least each `turn_ms`.
CURLcode drive(CURLM* multi, CURL* easy, int turn_ms, const std::function<bool()>& go_on) {
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return CURLE_FAILED_INIT;
  CURLMcode turn = CURLM_OK;
  bool wanted = true;
  for (int running = 1; turn == CURLM_OK && running != 0 && (wanted = go_on());) {
    turn = curl_multi_perform(multi, &running);
    if (turn == CURLM_OK && running != 0) turn = curl_multi_poll(multi, nullptr, 0, turn_ms, nullptr);
  }
  int left = 0;
  const CURLMsg* const done = curl_multi_info_read(multi, &left);
  const CURLcode code = done ? done->data.result : wanted ? CURLE_FAILED_INIT : CURLE_ABORTED_BY_CALLBACK;
  curl_multi_remove_handle(multi, easy);
  return code;
}

// As curl_easy_perform, which waits for the socket and so stalls for 0.2 to 1.2 s on HTTP/2 replies of more than some
// 32 KiB: libcurl 7.88 has then read the rest already, and hands it out at its next turn only.
CURLcode perform_http2(CURL* easy) {
  constexpr int kTurnMs = 5;
  const Multi multi(curl_multi_init());
  return multi ? drive(multi.get(), easy, kTurnMs, [] { return true; }) : CURLE_FAILED_INIT;
}

/// What libcurl's callbacks write into while a reply streams.
struct Stream {
  Reply reply;
  const std::function<bool(std::string_view)>* on_chunk = nullptr;
  SteadyTime last_byte{};
  bool head_done = false;
  bool ended = false;  // by on_chunk

  bool wanted() const { return reply.response.status / 100 == 2; }
  bool hand_over(std::string_view chunk) {
    ended = !(*on_chunk)(chunk);
    return !ended;
  }
};

std::size_t take_streamed_body(char* data, std::size_t one, std::size_t size, void* target) {
  auto& stream = *static_cast<Stream*>(target);
  stream.last_byte = std::chrono::steady_clock::now();
  if (!stream.wanted()) return take_body(data, one, size, &stream.reply);
  return stream.hand_over({data, size}) ? size : 0;
}

std::size_t take_streamed_header(char* data, std::size_t one, std::size_t size, void* target) {
  auto& stream = *static_cast<Stream*>(target);
  stream.last_byte = std::chrono::steady_clock::now();
  if (take_header(data, one, size, &stream.reply) != size) return 0;
  const bool ends_head = size <= 2 && !stream.head_done;
  if (!ends_head || stream.reply.response.status / 100 == 1) return size;
  if (!stream.wanted()) return size;  // a redirect may be followed by what is wanted
  stream.head_done = true;
  return stream.hand_over({}) ? size : 0;
}

}  // namespace

struct Client::Impl {
  Multi multi;  // the connections of streams; outlives the handle
  Easy easy;
  std::optional<CurlOptions> options;  // of the request under way, or of the last

  CURL* begin(const ClientRequest& request, char* detail);
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

// Null: libcurl could not be started. A reset clears options only: connections stay.
CURL* Client::Impl::begin(const ClientRequest& request, char* detail) {
  if (!easy && start_curl()) easy.reset(curl_easy_init());
  if (!easy) return nullptr;
  curl_easy_reset(easy.get());
  options.emplace(easy.get(), request);
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, detail);
  return easy.get();
}

Result<ClientResponse> Client::send(const ClientRequest& request) {
  TRY(check(request));
  char detail[CURL_ERROR_SIZE] = "";
  CURL* const easy = impl_->begin(request, detail);
  if (!easy) return fail(Code::Internal, "{}: libcurl could not be started", target_name(request));

  Reply reply;
  reply.max_body_bytes = request.max_body_bytes;
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &reply);
  const CURLcode code = request.http2_prior_knowledge ? perform_http2(easy) : curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);  // `detail` ends with this call
  if (code != CURLE_OK) return impl_->why(request, reply, code, detail);
  return std::move(reply.response);
}

Result<ClientResponse> Client::stream(const ClientRequest& request,
                                      const std::function<bool(std::string_view)>& on_chunk,
                                      const std::stop_token& stop) {
  constexpr int kTurnMs = 250;  // how late a deadline may be noticed; a stop wakes us
  TRY(check(request));
  char detail[CURL_ERROR_SIZE] = "";
  CURL* const easy = impl_->begin(request, detail);
  if (easy && !impl_->multi) impl_->multi.reset(curl_multi_init());
  CURLM* const multi = impl_->multi.get();
  if (!easy || !multi) return fail(Code::Internal, "{}: libcurl could not be started", target_name(request));

  Stream stream;
  stream.reply.max_body_bytes = request.max_body_bytes;
  stream.on_chunk = &on_chunk;
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_streamed_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &stream);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_streamed_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &stream);
  const auto began = stream.last_byte = std::chrono::steady_clock::now();
  std::string late;
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  const CURLcode code = drive(multi, easy, kTurnMs, [&] {
    const auto now = std::chrono::steady_clock::now();
    if (!stream.head_done && now - began >= request.deadline)
      late = "no reply within " + format_duration(request.deadline);
    else if (stream.head_done && request.stall_limit.count() > 0 && now - stream.last_byte >= request.stall_limit)
      late = "nothing came for " + format_duration(request.stall_limit);
    return late.empty() && !stop.stop_requested();
  });
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);  // `detail` ends with this call
  if (!late.empty()) return fail(Code::Unavailable, "{}: {}", target_name(request), late);
  if (stop.stop_requested()) return fail(Code::Unavailable, "{}: told to stop", target_name(request));
  if (code != CURLE_OK && !stream.ended) return impl_->why(request, stream.reply, code, detail);
  return std::move(stream.reply.response);
}

}  // namespace tessera::http
