#pragma once
// What a GpuMonitor asks of a cluster: objects, as a pure function of the resource and of what is known of the cluster.
// Who applies them (server-side, each with one field manager) and deletes what is left over is another.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/certificates.h"
#include "operator/spec.h"

namespace tessera::operate {

struct Facts {
  unsigned minor = 30;                       ///< of the API server's version 1.MINOR
  std::set<std::string> foreign_namespaces;  ///< that are there and were not made by this operator
  bool cert_manager = true;                  ///< whether the cluster has the kinds of cert-manager.io/v1
  std::string authorities{};                 ///< PEM: CAs of the webhook's certificate; empty: told by somebody else
};

/// A Secret of API keys, which is made once where it is missing and never changed: no function of the resource.
struct KeySecret {
  std::string home, name;
  std::vector<std::string> keys;
};

/// The Secret of the webhook's certificate, where it has to be written.
struct CertificateSecret {
  std::string home, name;
  std::string version;  ///< that it was made from; empty: there is none
  SecretTexts texts;
  std::string note;  ///< what was done, to be told
};

struct Plan {
  std::vector<nlohmann::ordered_json> objects;  ///< in the order to apply them in; of a kind by namespace and name
  std::vector<KeySecret> secrets;
  std::optional<CertificateSecret> certificate;  ///< no function of the resource: serving.h
  std::vector<std::string> notes;                ///< what was asked for and is not done, a sentence each
};

Plan make_plan(const GpuMonitor& monitor, const Facts& facts);

/// A kind of which the operator makes objects. To prune: list each by inventory_labels().
struct Kind {
  std::string_view api_version, kind, plural;
  bool namespaced = true;
};
std::vector<Kind> kinds(const Facts& facts);
TextMap inventory_labels(const GpuMonitor& monitor);

struct ObjectKey {
  std::string api_version, kind, home, name;  ///< `home`: the namespace; empty: of the cluster
  auto operator<=>(const ObjectKey&) const = default;
};
ObjectKey key_of(const nlohmann::ordered_json& object);

/// Of what is there, what the plan does not have any more. Namespaces stay, for others may have put something there,
/// and so do volumes: a feature that is switched off for an hour must not cost its past.
std::vector<ObjectKey> left_over(const std::vector<ObjectKey>& present, const Plan& plan);

}  // namespace tessera::operate
