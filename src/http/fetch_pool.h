#pragma once
// Inside this room: some of a fetch loop's transfers, with the connections that are kept of their hosts. At the end of
// each transfer libcurl walks through all connections that its multi handle keeps, so a loop has several handles, each
// of which keeps few. No header of libcurl here: `multi` is a CURLM*, `easy` a CURL*.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"
#include "http/curl_options.h"

namespace tessera::http {

class FetchPool {
 public:
  static constexpr std::size_t kCount = 16;  ///< of a loop

  /// The number of the pool that has the connections to a URL's host.
  static std::size_t of(std::string_view url);

  FetchPool() = default;
  FetchPool(const FetchPool&) = delete;
  FetchPool& operator=(const FetchPool&) = delete;

  /// Before all else. The data of the pool's sockets in `epoll` are its number, in the upper half, and the socket.
  /// Internal where libcurl refuses.
  Result<void> open(int epoll, std::uint32_t number, std::size_t most_connections);

  void* multi() const { return multi_.get(); }
  /// When libcurl wants to be called, whatever the sockets do.
  const std::optional<SteadyTime>& timer() const { return timer_; }

  /// libcurl goes on with a socket that is ready for `what`, bits of CURL_CSELECT.
  void act(int fd, int what);
  /// libcurl does what it wanted the timer for.
  void act_on_timer();

 private:
  static int watch_socket(void* easy, int fd, int what, void* pool, void* known);
  static int set_timer(void* multi, long ms, void* pool);

  std::uint32_t number_ = 0;
  int epoll_ = -1;
  std::optional<SteadyTime> timer_;
  Multi multi_;  ///< last: it may speak of sockets and of the timer as it goes
};

}  // namespace tessera::http
