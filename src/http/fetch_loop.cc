#include "http/fetch_loop.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "http/body_decoder.h"
#include "http/curl_options.h"
#include "http/fetch_pool.h"
#include "http/listener.h"

namespace tessera::http {
namespace {

using Clock = std::chrono::steady_clock;

// More than this buys no time (measured over loopback, 16 to 512 KiB), and each transfer at once keeps as much.
constexpr long kReceiveBytes = 64L << 10U;
constexpr std::size_t kScratchBytes = 64U << 10U;    // decoded at a time: small enough to stay in the processor's cache
constexpr std::size_t kEncodedSurplus = 64U << 10U;  // by which an encoded body may be longer than decoded
constexpr int kMostEvents = 128;

// What a body costs its receiver is not the loop's to know, and a little of a packed one may be very much: who has had
// so much time goes on after all others had theirs.
constexpr Milliseconds kShare{10};

constexpr std::size_t kSparesLooked = 16;  // at for one that knows the request already: about the jobs of a relay

struct Transfer;

/// What all transfers of a loop work on.
struct Bench {
  std::vector<char> scratch = std::vector<char>(kScratchBytes);  ///< for what is decoded
  std::uint64_t share = 0;                                       ///< counts each that somebody was given
  std::vector<Transfer*> waiting;                                ///< those who have had theirs, and want more
};

/// A handle of libcurl with all that it writes to. It is used again and again, and then told only what is new to it:
/// its options cost more than a small page.
struct Transfer {
  Easy easy;
  Bench& bench;
  std::size_t index = 0;      ///< where the loop holds it
  FetchPool* pool = nullptr;  ///< that it was added to

  ClientRequest request;               ///< what the handle was told last
  std::optional<CurlOptions> options;  ///< of the request; none: the handle was told nothing of it
  std::optional<Error> unfit;          ///< why the request can never work
  FetchReceiver* receiver = nullptr;   ///< null: cancelled
  FetchTimes times{};
  HeadLines head;
  ClientResponse response;
  std::optional<BodyDecoder> decoder;  ///< there is one once the receiver has begun
  std::optional<Error> refusal;        ///< why we ended it ourselves
  char detail[CURL_ERROR_SIZE] = "";

  std::uint64_t share = 0;  ///< the bench's, when share_end was its end
  SteadyTime share_end{};
  bool holds = false;            ///< the decoder has bytes that there was no time for
  bool paused = false;           ///< libcurl has
  std::optional<CURLcode> over;  ///< its last word, while the decoder holds

  explicit Transfer(Bench& of) : bench(of) {}
  bool knows(const ClientRequest& wanted);
  void tell(const ClientRequest& wanted);
  void forget_reply();
  FetchReply reply() const;
  bool begin();
  bool take(std::string_view wire);
  bool unpack();
  bool has_had_its_share();
  void wait_for_another();
  Result<FetchReply> outcome(CURLcode code);

 private:
  Result<void> tell_all();
  bool refuse(Error error);
  bool too_long();
  bool has_body() const;
};

/// Whether the handle was told this before, but for the URL.
bool Transfer::knows(const ClientRequest& wanted) {
  request.url = wanted.url;
  return options && request.server_name.empty() && request == wanted;
}

void Transfer::tell(const ClientRequest& wanted) {
  Result<void> told;
  if (!knows(wanted)) {
    request = wanted;
    told = tell_all();
  } else if (told = check_url(wanted); told) {
    options->move_to(wanted.url);
  }
  unfit.reset();
  if (!told) unfit = told.error();
}

FetchReply Transfer::reply() const {
  return {response.status, std::string(response.header("content-type")),
          std::string(response.header("content-encoding")), std::string(response.header("retry-after"))};
}

bool Transfer::refuse(Error error) {
  const auto after = std::chrono::duration_cast<Milliseconds>(Clock::now() - times.started);
  refusal = fail(error.code, "{}: {} (after {} ms)", target_name(request), error.what, after.count());
  return false;
}

bool Transfer::too_long() {
  times.too_long = true;
  return refuse(fail(Code::Unavailable, "the reply's body is longer than {} bytes", request.max_body_bytes));
}

bool Transfer::begin() {
  if (!receiver->begin(reply())) return refuse(fail(Code::Invalid, "the receiver refused the reply"));
  if (!receiver) return false;  // it has cancelled
  auto opened = BodyDecoder::open(response.header("content-encoding"));
  if (!opened) return refuse(opened.error());
  decoder = *std::move(opened);
  return true;
}

bool Transfer::take(std::string_view wire) {
  if (!receiver) return false;
  if (!decoder && !begin()) return false;
  times.wire_bytes += wire.size();
  if (times.wire_bytes > request.max_body_bytes && times.wire_bytes - request.max_body_bytes > kEncodedSurplus)
    return too_long();  // encoded nothings without end
  decoder->feed(wire);
  return unpack();
}

bool Transfer::unpack() {
  for (holds = false;;) {
    const auto chunk = decoder->next(bench.scratch);
    if (!chunk) return refuse(chunk.error());
    if (chunk->empty()) return true;
    if (chunk->size() > request.max_body_bytes - times.body_bytes) return too_long();
    times.body_bytes += chunk->size();
    if (!receiver->body(*chunk)) return refuse(fail(Code::Invalid, "the receiver refused the body"));
    if (!receiver) return false;
    if (!has_had_its_share()) continue;
    decoder->hold();
    holds = true;
    wait_for_another();
    return true;
  }
}

/// Of a new one nobody has had anything, however late it is: so everybody gets on.
bool Transfer::has_had_its_share() {
  const auto now = Clock::now();
  if (std::exchange(share, bench.share) == bench.share) return now >= share_end;
  share_end = now + kShare;
  return false;
}

void Transfer::wait_for_another() {
  if (std::ranges::find(bench.waiting, this) == bench.waiting.end()) bench.waiting.push_back(this);
}

bool Transfer::has_body() const { return request.method != "HEAD" && response.status != 204 && response.status != 304; }

Result<FetchReply> Transfer::outcome(CURLcode code) {
  if (refusal) return *refusal;
  if (head.too_long()) {
    refuse(fail(Code::Unavailable, "the reply's headers are longer than {} bytes", HeadLines::kMaxBytes));
    return *refusal;
  }
  if (code != CURLE_OK) return failure(easy.get(), request, code, detail);
  if (!decoder && !begin()) return refusal.value_or(Error{Code::Invalid, "cancelled"});
  if (const auto whole = decoder->finish(); !whole && has_body()) {
    refuse(whole.error());
    return *refusal;
  }
  return reply();
}

void Transfer::forget_reply() {
  times = {};
  head = {};
  response = {};
  decoder.reset();
  refusal.reset();
  holds = paused = false;
  over.reset();
  *detail = '\0';
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* target) {
  auto& transfer = *static_cast<Transfer*>(target);
  if (!transfer.holds && !transfer.has_had_its_share()) return transfer.take({data, size}) ? size : 0;
  transfer.paused = true;
  transfer.wait_for_another();
  return CURL_WRITEFUNC_PAUSE;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* target) {
  auto& transfer = *static_cast<Transfer*>(target);
  return transfer.head.take({data, size}, transfer.response) ? size : 0;
}

Result<void> Transfer::tell_all() {
  options.reset();
  TRY(check(request));
  if (request.http2_prior_knowledge)
    return fail(Code::Invalid, "{}: many transfers at once are made over HTTP/1.1 only", target_name(request));
  if (easy)
    curl_easy_reset(easy.get());
  else
    easy.reset(curl_easy_init());
  CURL* const handle = easy.get();
  if (!handle) return fail(Code::Internal, "{}: libcurl has no memory", target_name(request));
  options.emplace(handle, request);
  curl_easy_setopt(handle, CURLOPT_PRIVATE, this);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, kReceiveBytes);
  // Connections are kept, so names are seldom looked up; but libcurl walks through all it keeps at each transfer's end.
  curl_easy_setopt(handle, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  return {};
}

Error refused(const char* what) {
  return fail(Code::Internal, "cannot begin to fetch: {}: {}", what, std::strerror(errno));
}

}  // namespace

class FetchLoop::Impl {
 public:
  Impl(Socket epoll, Socket wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  Result<void> open(const FetchOptions& options);

  void start(const ClientRequest& request, FetchReceiver& receiver);
  void cancel(const FetchReceiver& receiver);
  void run_until(SteadyTime until);
  void wake() const;
  std::size_t active() const { return active_.size() - cancelled_.size(); }

 private:
  void turn(SteadyTime until);
  int milliseconds_to(SteadyTime until) const;
  void wait(SteadyTime until);
  void launch(Transfer& transfer);
  void resume();
  bool resume(Transfer& transfer);
  void take_ended();
  void end(Transfer& transfer, const Result<FetchReply>& reply);
  std::unique_ptr<Transfer> spare(const ClientRequest& request);
  void retire(Transfer& transfer);

  // In this order: libcurl's last words are about sockets, and its transfers leave before it does.
  Socket epoll_;
  Socket wake_;
  std::array<FetchPool, FetchPool::kCount> pools_;
  Bench bench_;
  std::vector<std::unique_ptr<Transfer>> active_;
  std::vector<std::unique_ptr<Transfer>> spare_;  ///< with those active as many as ever were so at once
  // libcurl takes and drops no transfer from within a callback, so both wait for the next turn.
  std::vector<Transfer*> starting_;
  std::vector<Transfer*> cancelled_;
  bool woken_ = false;
  bool ended_ = false;
};

Result<void> FetchLoop::Impl::open(const FetchOptions& options) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = static_cast<std::uint32_t>(wake_.fd());
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, wake_.fd(), &wanted) != 0) return refused("epoll_ctl");
  const std::size_t most = 1 + 2 * options.max_kept_connections / pools_.size();  // hosts are not spread evenly
  for (std::uint32_t i = 0; i < pools_.size(); ++i) TRY(pools_[i].open(epoll_.fd(), i, most));
  return {};
}

FetchLoop::Impl::~Impl() {
  for (const auto& transfer : active_)
    if (transfer->pool) curl_multi_remove_handle(transfer->pool->multi(), transfer->easy.get());
}

/// The last one used that knows the request; otherwise any.
std::unique_ptr<Transfer> FetchLoop::Impl::spare(const ClientRequest& request) {
  if (spare_.empty()) return std::make_unique<Transfer>(bench_);
  const auto end = spare_.rbegin() + static_cast<std::ptrdiff_t>(std::min(spare_.size(), kSparesLooked));
  const auto known = std::find_if(spare_.rbegin(), end, [&](const auto& transfer) { return transfer->knows(request); });
  std::swap(known == end ? spare_.back() : *known, spare_.back());
  auto found = std::move(spare_.back());
  spare_.pop_back();
  return found;
}

void FetchLoop::Impl::start(const ClientRequest& request, FetchReceiver& receiver) {
  auto transfer = spare(request);
  transfer->tell(request);
  transfer->receiver = &receiver;
  transfer->times.started = Clock::now();
  transfer->index = active_.size();
  starting_.push_back(transfer.get());
  active_.push_back(std::move(transfer));
}

void FetchLoop::Impl::cancel(const FetchReceiver& receiver) {
  for (const auto& transfer : active_) {
    if (transfer->receiver != &receiver) continue;
    transfer->receiver = nullptr;
    cancelled_.push_back(transfer.get());
    ended_ = true;
  }
}

void FetchLoop::Impl::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.fd(), &one, sizeof one);  // fails only where it is awake anyway
}

void FetchLoop::Impl::launch(Transfer& transfer) {
  if (!transfer.receiver) return;  // cancelled already
  if (transfer.unfit) return end(transfer, *transfer.unfit);
  FetchPool& pool = pools_[FetchPool::of(transfer.request.url)];
  if (const auto code = curl_multi_add_handle(pool.multi(), transfer.easy.get()); code != CURLM_OK)
    return end(transfer, fail(Code::Internal, "{}: {}", target_name(transfer.request), curl_multi_strerror(code)));
  transfer.pool = &pool;
}

void FetchLoop::Impl::retire(Transfer& transfer) {
  std::erase(starting_, &transfer);
  std::erase(cancelled_, &transfer);
  std::erase(bench_.waiting, &transfer);
  std::swap(active_[transfer.index], active_.back());
  active_[transfer.index]->index = transfer.index;
  if (FetchPool* const pool = std::exchange(transfer.pool, nullptr))
    curl_multi_remove_handle(pool->multi(), transfer.easy.get());
  if (transfer.paused) {  // a handle that begins anew, and nothing that libcurl kept
    transfer.options.reset();
    transfer.easy.reset();
  }
  transfer.forget_reply();
  spare_.push_back(std::move(active_.back()));
  active_.pop_back();
}

// A receiver may start, cancel and even go away in done(), so that call is the very last.
void FetchLoop::Impl::end(Transfer& transfer, const Result<FetchReply>& reply) {
  FetchReceiver* const receiver = transfer.receiver;
  FetchTimes times = transfer.times;
  retire(transfer);
  if (!receiver) return;
  ended_ = true;
  times.ended = Clock::now();
  receiver->done(reply, times);
}

/// False: it has come to its end, and the outcome says how.
bool FetchLoop::Impl::resume(Transfer& transfer) {
  ++bench_.share;
  if (transfer.holds) {
    if (Clock::now() > transfer.times.started + transfer.request.deadline) transfer.over = CURLE_OPERATION_TIMEDOUT;
    if (transfer.over.value_or(CURLE_OK) != CURLE_OK || !transfer.unpack()) return false;
    if (transfer.holds) return true;
    if (transfer.over) return false;
  }
  if (!std::exchange(transfer.paused, false)) return true;
  const CURLcode code = curl_easy_pause(transfer.easy.get(), CURLPAUSE_CONT);  // calls take_body()
  if (code != CURLE_OK) transfer.over = code;
  return code == CURLE_OK;
}

void FetchLoop::Impl::resume() {
  for (Transfer* const transfer : std::exchange(bench_.waiting, {})) {
    if (!transfer->receiver || resume(*transfer) || !transfer->receiver)
      continue;  // one that is cancelled waits for its turn
    end(*transfer, transfer->outcome(transfer->over.value_or(CURLE_OK)));
  }
}

void FetchLoop::Impl::take_ended() {
  for (const FetchPool& pool : pools_) {
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(pool.multi(), &left)) {
      const CURLcode code = message->data.result;
      void* owner = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
      auto& transfer = *static_cast<Transfer*>(owner);
      if (!transfer.receiver)
        retire(transfer);
      else if (transfer.holds && code == CURLE_OK)
        transfer.over = code;
      else
        end(transfer, transfer.outcome(code));
    }
  }
}

int FetchLoop::Impl::milliseconds_to(SteadyTime until) const {
  if (ended_ || woken_ || !bench_.waiting.empty()) return 0;
  for (const FetchPool& pool : pools_) until = std::min(until, pool.timer().value_or(until));
  const auto ms = std::chrono::ceil<Milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<Milliseconds::rep>(ms, 0, INT_MAX));
}

void FetchLoop::Impl::wait(SteadyTime until) {
  std::array<epoll_event, kMostEvents> events;
  const int count = ::epoll_wait(epoll_.fd(), events.data(), kMostEvents, milliseconds_to(until));
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const auto fd = static_cast<int>(event.data.u64 & 0xffff'ffffU);
    if (fd == wake_.fd()) {
      std::uint64_t times = 0;
      woken_ = ::read(wake_.fd(), &times, sizeof times) > 0 || woken_;
      continue;
    }
    const int what = ((event.events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
    ++bench_.share;
    pools_[event.data.u64 >> 32U].act(fd, what);
  }
  for (FetchPool& pool : pools_) {
    if (!pool.timer() || *pool.timer() > Clock::now()) continue;
    ++bench_.share;
    pool.act_on_timer();
  }
}

void FetchLoop::Impl::turn(SteadyTime until) {
  while (!cancelled_.empty()) retire(*cancelled_.back());
  for (Transfer* const transfer : std::exchange(starting_, {})) launch(*transfer);
  wait(until);
  resume();
  take_ended();
}

void FetchLoop::Impl::run_until(SteadyTime until) {
  ended_ = false;
  woken_ = false;
  do turn(until);
  while (!ended_ && !woken_ && Clock::now() < until);
}

Result<std::unique_ptr<FetchLoop>> FetchLoop::open(const FetchOptions& options) {
  Socket epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return refused("epoll_create1");
  Socket wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return refused("eventfd");
  auto impl = std::make_unique<Impl>(std::move(epoll), std::move(wake));
  TRY(impl->open(options));
  return std::unique_ptr<FetchLoop>(new FetchLoop(std::move(impl)));
}

FetchLoop::FetchLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FetchLoop::~FetchLoop() = default;
void FetchLoop::start(const ClientRequest& request, FetchReceiver& receiver) { impl_->start(request, receiver); }
void FetchLoop::cancel(const FetchReceiver& receiver) { impl_->cancel(receiver); }
void FetchLoop::run_until(SteadyTime until) { impl_->run_until(until); }
void FetchLoop::wake() { impl_->wake(); }
std::size_t FetchLoop::active() const { return impl_->active(); }

}  // namespace tessera::http
