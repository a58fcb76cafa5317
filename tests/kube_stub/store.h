#pragma once
// The objects of a cluster, their versions and the history that watches read. Thread-safe.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "tests/kube_stub/writer.h"

namespace tessera::kube_stub {

using Json = nlohmann::json;
using Object = std::shared_ptr<const Json>;

struct Resource {
  std::string group{};  ///< empty: core
  std::string version{};
  std::string plural{};
  std::string kind{};
  bool namespaced = true;
  std::vector<std::string> short_names{};
  std::string id() const { return group + "/" + plural; }
  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
};

struct Change {
  std::uint64_t version = 0;
  std::string resource{};  ///< Resource::id()
  Object before{};         ///< null: it was added
  Object now{};            ///< null: it was deleted
  Object last{};           ///< what is told: `now`, or the last state with the version of its deletion
};

/// What a request leads to: an object or a Status.
struct Answer {
  int code = 200;
  Object body{};
};
Answer status_answer(int code, std::string_view reason, const std::string& message);

class Store {
 public:
  Store();

  /// From now on an object needs its namespace to be there, as in a cluster.
  void ask_for_namespaces();
  void add_resource(Resource resource);
  std::vector<Resource> resources() const;

  Answer get(const Resource& resource, const std::string& space, const std::string& name) const;
  /// POST; a name is made from generateName.
  Answer create(const Resource& resource, const std::string& space, Json object, const Writer& writer = {});
  /// PUT. A resourceVersion in it must be the present one. `part` "status": nothing else is taken.
  Answer replace(const Resource& resource, const std::string& space, const std::string& name, Json object,
                 const std::string& part, const Writer& writer = {});
  /// PATCH: `content_type` tells an apply, which creates what is not there, a merge, and a list of operations.
  Answer patch(const Resource& resource, const std::string& space, const std::string& name, const Json& patch,
               const std::string& content_type, const std::string& part, const Writer& writer = {});
  /// DELETE. What has finalizers stays until the last of them is gone; what it owns goes with it, unless the body says
  /// Orphan; preconditions of the body are kept.
  Answer remove(const Resource& resource, const std::string& space, const std::string& name, const Json& options);
  Answer remove(const Resource& resource, const std::string& space, const std::string& name);
  /// For tests: creates or replaces whatever the version.
  Answer put(const Json& object);

  struct Listing {
    std::uint64_t version = 0;
    std::vector<Object> items{};
  };
  /// `space` empty: of all.
  Listing list(const Resource& resource, const std::string& space) const;

  std::uint64_t version() const;
  /// Forgets all history: watches from an older version than the present one are refused.
  void compact();
  /// Whether all changes after this version are still known.
  bool remembers(std::uint64_t version) const;
  /// The changes after `version`; waits for one, for a call of wake(), or until `deadline`.
  std::vector<Change> changes_after(std::uint64_t version, SteadyTime deadline, std::uint64_t& wakes) const;
  void wake();

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name
  Answer write(const Resource& resource, const Key& key, Json object, Object before);
  Answer write_by_client(const Resource& resource, const Key& key, Json object, Object before);
  Answer apply(const Resource& resource, const Key& key, const Json& wanted, const Object* found, const Writer& writer);
  Answer erase(const Resource& resource, const Key& key, const Object& before);
  void collect(const std::string& owner, bool orphan);
  bool is_strict_fault(const Resource& resource, const Key& key, Answer& fault) const;
  const Object* find(const Resource& resource, const Key& key) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Resource> resources_;                       // all below guarded by mutex_
  std::map<std::string, std::map<Key, Object>> objects_;  // by Resource::id()
  std::deque<Change> history_;
  std::uint64_t version_ = 1'000;
  std::uint64_t forgotten_ = 0;  // history begins after this version
  std::uint64_t made_ = 0;       // for uids and generated names
  std::uint64_t wakes_ = 0;
  bool namespaces_ = false;  // are asked for
};

}  // namespace tessera::kube_stub
