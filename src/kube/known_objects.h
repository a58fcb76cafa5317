#pragma once
// What a watch has told so far, so that it tells every change once: after a relist, a repeated event or a name that
// passed to a new object. Pure; holds names and versions, no objects.
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "kube/watch.h"
#include "kube/watch_wire.h"

namespace tessera::kube {

class KnownObjects {
 public:
  using Tell = std::function<void(const Event&)>;
  explicit KnownObjects(Tell tell) : tell_(std::move(tell)) {}

  void present(const ObjectText& object);  ///< added, modified or listed
  void gone(const ObjectText& object);

  void begin_list() { ++list_; }
  void end_list();  ///< what no page since begin_list() had, and no event brought, is gone; then Synced is told
  std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    std::string uid;
    std::string version;
    std::uint64_t list = 0;  // that had it last
  };
  Tell tell_;
  std::unordered_map<std::string, Known> known_;
  std::uint64_t list_ = 0;
};

}  // namespace tessera::kube
