#pragma once
// Requests that end: get, list in pages, create, update, patch, delete. Thread-safe.
#include <map>
#include <mutex>
#include <string>

#include "http/server.h"
#include "tests/kube_stub/paths.h"
#include "tests/kube_stub/store.h"

namespace tessera::kube_stub {

class Answers {
 public:
  explicit Answers(Store& store) : store_(store) {}
  /// `user`: who asks, where rights are asked for.
  Answer answer(const Target& target, const http::Request& request, const std::map<std::string, std::string>& query,
                const std::string& user = {});
  void forget_pages();  ///< as compaction does: tokens to continue expire

 private:
  Answer list(const Target& target, const std::map<std::string, std::string>& query);
  Answer page(const Resource& resource, const Store::Listing& all, std::size_t from, std::size_t limit);
  Answer write(const Target& target, const http::Request& request, const Writer& writer);

  Store& store_;
  std::mutex mutex_;
  std::map<std::string, Store::Listing> pages_;  // guarded by mutex_; snapshots of lists that are read in pages
  std::uint64_t made_ = 0;                       // guarded by mutex_
};

Answer expired(const std::string& message);

}  // namespace tessera::kube_stub
