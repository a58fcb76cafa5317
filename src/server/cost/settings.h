#pragma once
// What the settings under gpu.management.cost say.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/duration.h"
#include "config/yaml.h"
#include "fleet/cost/owner_rules.h"
#include "fleet/cost/posting.h"
#include "fleet/cost/rates.h"
#include "fleet/cost/report.h"

namespace tessera::server {

/// Which pool nodes are of, and how they were bought. Patterns, in which `*` stands for any text; empty: all.
struct NodePlace {
  std::string cluster;
  std::string node;
  std::string pool;  ///< empty: this says nothing of it
  std::optional<fleet::Purchase> purchase;
};

struct CostSettings {
  bool enabled = true;
  std::string currency = "USD";
  std::map<std::string, std::string> default_rates = {{"H100_80GB", "8"}, {"A100_80GB", "6"}, {"RTX4090", "2"}};
  std::vector<fleet::Rate> rates;  ///< beside the default ones; of the same devices, before them
  fleet::PostingOptions posting;
  fleet::ShareIdle share_idle = fleet::ShareIdle::No;  ///< of reports that do not say it
  std::vector<fleet::OwnerRule> owners;                ///< empty: default_owner_rules()
  /// NVIDIA's charts are installed into these; the server of MPS runs in the device plugin's or the DRA driver's.
  std::vector<std::string> platform_namespaces = {"gpu-operator", "nvidia-gpu-operator", "nvidia-device-plugin",
                                                  "nvidia-dra-driver-gpu", "kube-system"};
  std::vector<std::string> labels;  ///< that the ledger keeps as they are, beside the owners
  std::vector<NodePlace> nodes;     ///< the first that fits counts
  std::vector<std::string> pool_labels = {"tessera.dev/pool", "karpenter.sh/nodepool", "cloud.google.com/gke-nodepool",
                                          "eks.amazonaws.com/nodegroup", "kubernetes.azure.com/agentpool"};
  std::int64_t backfill_days = 30;
  std::int64_t retention_days = 1'096;
  std::string time_zone = "UTC";
  std::string billing_account = "gpu";
  std::string issuer = "Tessera";
};

// How the settings write what is no plain value.
Result<void> read_currency(const config::Node& node, CostSettings& into);       ///< USD
Result<void> read_default_rates(const config::Node& node, CostSettings& into);  ///< {H100_80GB: 8.0}
Result<void> read_rates(const config::Node& node, CostSettings& into);  ///< [{model: H100_80GB, pool: b, per-hour: 5}]
Result<void> read_mig_share(const config::Node& node, CostSettings& into);       ///< compute-slices, memory, larger
Result<void> read_shared_devices(const config::Node& node, CostSettings& into);  ///< requested, used
Result<void> read_share_idle(const config::Node& node, CostSettings& into);      ///< false, true, weighted, even
Result<void> read_owners(const config::Node& node, CostSettings& into);          ///< [{field: team, label: squad}]
Result<void> read_nodes(const config::Node& node, CostSettings& into);           ///< [{node: "spot-*", purchase: spot}]
Result<void> read_time_zone(const config::Node& node, CostSettings& into);       ///< Asia/Seoul

/// All rates that are asked for: the default ones that no rate of the same devices stands in for, and the others.
Result<std::vector<fleet::Rate>> wanted_rates(const CostSettings& settings);

/// Those of the settings; `teams` names the team of a namespace whose pods no rule has named it of.
fleet::OwnerRules owner_rules(const CostSettings& settings, const std::vector<std::string>& team_labels,
                              const std::map<std::string, std::string>& teams);

}  // namespace tessera::server
