#pragma once
// How the stub misbehaves, as tests tell it. Thread-safe.
#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::kube_stub {

/// Instead of an answer.
struct RefusedRequest {
  std::string at = "any";  ///< "list", "watch", "get", "write", "any"
  std::string path{};      ///< of a request whose path has this in it; empty: of any
  int status = 500;
  std::string reason{};
  std::string cause{};  ///< of the Status
  std::optional<int> retry_after{};
  unsigned times = 1;
};

/// In the midst of a watch: to the one that is open, or else to the next.
struct BrokenStream {
  std::string what{};           ///< see kStreamFaults
  std::size_t after_bytes = 0;  ///< "cut" only
  unsigned times = 1;
};
/// gone: a Status of 410 and the end; error: one of 500; garbage: a line that is no JSON, then on; cut: the connection
/// breaks; cut_line: it breaks within a line; half_line: a clean end within a line; close: a clean end.
inline constexpr std::string_view kStreamFaults[] = {"gone",     "error",     "garbage", "cut",
                                                     "cut_line", "half_line", "close"};

struct Slow {
  std::size_t bytes = 0;  ///< sent at once; 0: all
  Milliseconds pause{0};  ///< between two such parts
};

class Faults {
 public:
  /// {"request": {"at", "path", "status", "reason", "cause", "retry_after", "times"}}, {"stream": {"do", "after_bytes",
  /// "times"}},
  /// {"slow": {"bytes", "ms"}}, {"token": "…"} (any other is answered with 401; "": all are good),
  /// {"expire_continue": times}.
  Result<void> add(const nlohmann::json& fault);
  void clear();
  std::size_t left() const;  ///< that have not happened yet

  std::optional<RefusedRequest> refuse(std::string_view at, std::string_view path, bool continued,
                                       std::string_view authorization);
  std::optional<BrokenStream> break_stream();
  Slow slow() const;

 private:
  mutable std::mutex mutex_;
  std::vector<RefusedRequest> requests_;  // all guarded by mutex_
  std::vector<BrokenStream> streams_;
  Slow slow_;
  std::string token_;
  unsigned expire_continue_ = 0;
};

}  // namespace tessera::kube_stub
