#pragma once
// Many transfers at once on one thread, their bodies handed on as they come. HTTP/1.1 over libcurl and epoll; each
// event costs the same however many transfers wait, so targets that hang do not slow down the others. A body that is
// much work is taken 10 ms at a time, with the others in between.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"
#include "http/client.h"

namespace tessera::http {

/// What the final reply (after redirects) says of itself.
struct FetchReply {
  int status = 0;
  std::string content_type, content_encoding, retry_after;  ///< empty where absent
};

struct FetchTimes {
  SteadyTime started;  ///< start() was called
  SteadyTime ended;
  std::uint64_t wire_bytes = 0;  ///< of the body as sent
  std::uint64_t body_bytes = 0;  ///< of the body as handed to the receiver
  bool too_long = false;         ///< it ended because the body is over max_body_bytes
};

/// What becomes of a transfer, told on the loop's thread, only from within FetchLoop::run_until. All may call start()
/// and cancel(), also for themselves; none may throw or call run_until().
class FetchReceiver {
 public:
  virtual ~FetchReceiver() = default;
  /// Comes with the first byte of the body, or with the end of a reply without one. False: end now (which closes the
  /// connection; to keep it, let a short body pass).
  virtual bool begin(const FetchReply& reply) = 0;
  /// The next bytes, decoded; valid for this call only. False: end now.
  virtual bool body(std::string_view chunk) = 0;
  /// The last call, once per start() that was not cancelled. Any HTTP status is a reply, an error is a failure to get
  /// it whole: it names the URL, the cause, and after how long (Unavailable, Denied, or Invalid for a request that can
  /// never work). A body over max_body_bytes is an error, and so is false from begin() or body().
  virtual void done(const Result<FetchReply>& reply, const FetchTimes& times) = 0;
};

struct FetchOptions {
  std::size_t max_kept_connections = 1024;  ///< about so many; one per host:port that is asked again and again
};

/// One thread uses all but wake().
class FetchLoop {
 public:
  /// Internal where the kernel or libcurl refuses.
  static Result<std::unique_ptr<FetchLoop>> open(const FetchOptions& options);
  ~FetchLoop();  ///< cancels what is left
  FetchLoop(const FetchLoop&) = delete;
  FetchLoop& operator=(const FetchLoop&) = delete;

  /// The receiver outlives the transfer, or cancels it; it hears nothing before run_until(). Bodies encoded as gzip or
  /// zstd are decoded, whatever Accept-Encoding the request's headers gave (none: none is sent). max_body_bytes counts
  /// decoded bytes, and the deadline holds for everything from here to done(), redirects included.
  /// Cheapest where requests differ in nothing but the URL, and so are built once.
  void start(const ClientRequest& request, FetchReceiver& receiver);
  /// Ends this receiver's transfers without a call to it, now or later; the next run_until() closes their
  /// connections. Nothing happens if there are none.
  void cancel(const FetchReceiver& receiver);
  /// Input, output and callbacks, until that time, until wake(), or until a transfer has ended (or was cancelled from
  /// within), so that the owner can schedule the next. A time that has passed: one turn, without waiting.
  void run_until(SteadyTime until);
  /// From any thread: the run_until() that runs, else the next one, returns after one turn.
  void wake();
  std::size_t active() const;  ///< started, and neither done nor cancelled

 private:
  class Impl;
  explicit FetchLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::http
