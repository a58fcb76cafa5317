#pragma once
// A played cluster with the operator in it: the definition of its resource, the rights that are shipped and no others,
// namespaces that have to be there.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/child.h"
#include "tests/e2e_relay/cluster.h"

namespace tessera::e2e {

using Json = nlohmann::json;

/// All features.
extern const Json kEverything;

class Operated {
 public:
  Operated();

  kube_stub::Stub& stub() { return cluster_.stub(); }
  kube_stub::Store& store() { return cluster_.stub().store(); }
  Cluster& cluster() { return cluster_; }

  /// A replica of the operator; says where it serves once it is ready.
  std::unique_ptr<Child> start();
  std::string page(Child& replica, const std::string& path) const;

  /// Writes the resource `gpus` with this spec, as a person would.
  void ask(const Json& spec, const std::string& name = "gpus");
  void remove(const std::string& kind, const std::string& space, const std::string& name);

  /// Null: there is none.
  Json find(const std::string& kind, const std::string& space, const std::string& name) const;
  std::vector<Json> all(const std::string& kind) const;
  /// Changes an object as another field manager does: a merge patch.
  void change(const std::string& kind, const std::string& space, const std::string& name, const Json& patch,
              const std::string& manager = "kubectl-edit");
  void put(const Json& object);
  /// Applies an object in the operator's name.
  void apply_as_operator(const Json& object);

  /// What the cluster's own controllers would say of all workloads: everything runs.
  void play_controllers();
  /// A condition of the resource; null: it has none of this type.
  Json condition(const std::string& type, const std::string& name = "gpus") const;
  bool has_condition(const std::string& type, const std::string& status, const std::string& reason = "",
                     const std::string& message = "") const;
  /// Waits until all that was asked for is there and said to be ready; plays the controllers meanwhile.
  bool becomes_ready();
  bool has_event(const std::string& reason, const std::string& text = "") const;

  /// Requests that change something, leases aside.
  std::vector<kube_stub::Logged> writes() const;

 private:
  kube_stub::Resource resource_of(const std::string& kind) const;

  mutable Cluster cluster_;
};

}  // namespace tessera::e2e
