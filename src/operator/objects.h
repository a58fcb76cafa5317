#pragma once
// Inside the room: what the components make their objects of. Labels, owner, defaults of containers and pods stand here
// once, so that a component tells only what is its own.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/plan.h"

namespace tessera::operate {

/// What is being made, and of what.
struct Making {
  const GpuMonitor& monitor;
  const Facts& facts;
  Plan& plan;
  const Spec& spec() const { return monitor.spec; }
};

/// A thing with objects of one name.
struct Part {
  std::string name;       ///< of its objects
  std::string program;    ///< app.kubernetes.io/name
  std::string component;  ///< app.kubernetes.io/component
  std::string home;       ///< namespace
  std::string group;      ///< of nodes; empty: not one of several
};

// ---- Objects

/// An object with its kind, name, labels and owner. `kind` is one of kinds().
nlohmann::ordered_json object(const Making& making, std::string_view kind, const Part& part);

/// The ownerReferences of what belongs to a resource of a cluster: without its uid there is nothing that could own.
nlohmann::ordered_json owner_of(const GpuMonitor& monitor);

/// Adds it to the plan.
void add(Making& making, nlohmann::ordered_json object);

/// Labels that never change and tell the pods of a part from all others.
nlohmann::ordered_json selector_labels(const Making& making, const Part& part);

nlohmann::ordered_json service(const Making& making, const Part& part, int port);
/// Traffic to a part's pods at one port: from everywhere, or from the pods of these components of the same namespace.
nlohmann::ordered_json network_policy(const Making& making, const Part& part, int port,
                                      const std::vector<std::string>& from = {});
/// At most one of several pods is away at once.
nlohmann::ordered_json disruption_budget(const Making& making, const Part& part);
nlohmann::ordered_json volume_claim(const Making& making, const Part& part, const Volume& volume);
/// Role and binding of a service account, of the cluster or of the part's namespace; both have the part's name.
void add_role(Making& making, const Part& part, bool of_cluster, const nlohmann::ordered_json& rules,
              const Part& account);

// ---- Pods

/// Where an image comes from: `given`, else that of images.registry, else the default one.
std::string image(const Making& making, std::string_view given, std::string_view program);

/// A container with image, environment, resources (the workload's, else the defaults) and no capability.
nlohmann::ordered_json container(const Making& making, std::string_view name, std::string_view program,
                                 const Workload& workload, const Resources& defaults);
nlohmann::ordered_json env(std::string_view name, std::string_view value);
nlohmann::ordered_json env_field(std::string_view name, std::string_view path);
nlohmann::ordered_json env_secret(std::string_view name, const SecretKey& from);
void add_env(nlohmann::ordered_json& container, const std::vector<EnvVar>& env);
void add_probes(nlohmann::ordered_json& container, std::string_view port, int ready_seconds, bool tls = false);
void mount(nlohmann::ordered_json& pod, nlohmann::ordered_json& container, std::string_view name, std::string_view path,
           bool read_only, nlohmann::ordered_json source);

/// The spec of a pod: its node, its rights, and its containers, of which the first serves metrics.
nlohmann::ordered_json pod_spec(const Making& making, const Part& part, const Workload& workload);
/// A pod of no rights at all: any user but root, nothing that it could write to.
void make_plain(nlohmann::ordered_json& pod);
/// Its template, with labels and the annotations that say where its metrics are.
nlohmann::ordered_json pod_template(const Making& making, const Part& part, const Workload& workload,
                                    nlohmann::ordered_json pod, int metrics_port, bool tls = false);

/// The text's hash, for the template of a program that does not read a changed file by itself.
std::string content_hash(std::string_view text);

nlohmann::ordered_json raw(const Raw& value);

}  // namespace tessera::operate
