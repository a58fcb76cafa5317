#pragma once
// Replies that were made already: whoever asks what somebody has asked of the same view gets the same bytes.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "http/server.h"
#include "server/access/viewer.h"
#include "server/keeper.h"
#include "server/shared_cache.h"

namespace tessera::server {

struct AnswersStats {
  std::uint64_t made = 0;    ///< from the view and the database
  std::uint64_t kept = 0;    ///< that this server had
  std::uint64_t shared = 0;  ///< that another server had made
};

/// Of one view at a time: what was made of the one before is dropped. Thread-safe.
class Answers {
 public:
  using Make = std::function<http::Response()>;

  /// `shared`: where servers on one database keep theirs for each other; null for one alone.
  explicit Answers(SharedCache* shared = nullptr) : shared_(shared) {}

  /// The reply to this request: a kept one, or what `make` makes. Only a good one (200) is kept. `costly`: worth to be
  /// asked of other servers.
  http::Response of(const std::shared_ptr<const Published>& published, const http::Request& request,
                    const Viewer& viewer, bool costly, const Make& make);
  AnswersStats stats() const;

 private:
  std::shared_ptr<const http::Response> find(const std::shared_ptr<const Published>& published, const std::string& key);
  void keep(const std::shared_ptr<const Published>& published, const std::string& key,
            std::shared_ptr<const http::Response> answer);

  SharedCache* const shared_;
  std::mutex mutex_;
  std::weak_ptr<const Published> published_;                                        // guarded by mutex_
  std::unordered_map<std::string, std::shared_ptr<const http::Response>> answers_;  // guarded by mutex_
  std::size_t bytes_ = 0;                                                           // guarded by mutex_
  std::atomic<std::uint64_t> made_ = 0, kept_ = 0, taken_ = 0;
};

}  // namespace tessera::server
