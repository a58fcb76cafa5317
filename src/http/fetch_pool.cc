#include "http/fetch_pool.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <functional>
#include <utility>

namespace tessera::http {

std::size_t FetchPool::of(std::string_view url) {
  constexpr std::size_t kLongestScheme = std::string_view("https://").size();
  return std::hash<std::string_view>()(url.substr(0, url.find('/', kLongestScheme))) % kCount;
}

Result<void> FetchPool::open(int epoll, std::uint32_t number, std::size_t most_connections) {
  number_ = number;
  epoll_ = epoll;
  multi_.reset(start_curl() ? curl_multi_init() : nullptr);
  if (!multi_) return fail(Code::Internal, "cannot begin to fetch: libcurl could not be started");
  curl_multi_setopt(multi(), CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(multi(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi(), CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(multi(), CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi(), CURLMOPT_MAXCONNECTS, static_cast<long>(most_connections));
  return {};
}

int FetchPool::watch_socket(void*, int fd, int what, void* of, void* known) {
  auto& pool = *static_cast<FetchPool*>(of);
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(pool.epoll_, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event wanted{};
  wanted.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
  wanted.data.u64 = std::uint64_t{pool.number_} << 32U | static_cast<std::uint32_t>(fd);
  const int failed = ::epoll_ctl(pool.epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &wanted);
  if (!known) curl_multi_assign(pool.multi(), fd, &pool);
  return failed;  // ends the transfers, which could but hang
}

int FetchPool::set_timer(void*, long ms, void* of) {
  auto& timer = static_cast<FetchPool*>(of)->timer_;
  timer.reset();
  if (ms >= 0) timer = std::chrono::steady_clock::now() + Milliseconds(ms);
  return 0;
}

void FetchPool::act(int fd, int what) {
  int running = 0;
  curl_multi_socket_action(multi(), fd, what, &running);
}

void FetchPool::act_on_timer() {
  timer_.reset();
  act(CURL_SOCKET_TIMEOUT, 0);
}

}  // namespace tessera::http
