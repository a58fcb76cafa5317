#include "server/advice/benchmarked.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/text.h"
#include "fleet/decision/model_size.h"
#include "fleet/inventory/catalogue.h"

namespace tessera::server {
namespace {

using fleet::advice::Alternative;
using fleet::advice::Workload;
using fleet::benchmarks::Compared;
using fleet::benchmarks::Comparison;
using fleet::benchmarks::Record;
using fleet::decision::ModelShape;

/// By what is served.
using ByShape = std::map<const ModelShape*, std::vector<Comparison>>;

/// Of the first word that names a model.
const ModelShape* shape_in(std::string_view name) {
  for (const std::string_view word : split(name, ' '))
    if (const ModelShape* shape = fleet::decision::find_model_shape(word)) return shape;
  return nullptr;
}

ByShape comparisons_of(const std::vector<Record>& records) {
  std::map<const ModelShape*, std::vector<Record>> of;
  for (const Record& one : records) {
    if (one.unit != "tokens/s" || one.better != fleet::benchmarks::Better::Higher) continue;
    if (const ModelShape* shape = shape_in(one.name)) of[shape].push_back(one);
  }
  ByShape out;
  for (const auto& [shape, list] : of) out[shape] = fleet::benchmarks::compare(list, {});
  return out;
}

/// Devices of a model in a cluster.
struct Board {
  std::string product;             ///< empty: none of their nodes has the label
  std::uint64_t memory_bytes = 0;  ///< of the smallest
};
using Boards = std::map<std::pair<std::string, std::string>, Board>;  ///< by cluster and model

/// As the node's label says it; empty where none is told: one that is made up selects no node, and the pods wait.
std::string product_of(const fleet::ClusterView& cluster, const fleet::Node& node) {
  if (const fleet::ClusterNode* known = cluster.node(node.cluster, node.name))
    if (const auto label = known->labels.find("nvidia.com/gpu.product"); label != known->labels.end())
      return label->second;
  return "";
}

Boards boards_of(const Published& known) {
  Boards out;
  for (const auto& node : known.view->nodes)
    for (const fleet::Device& device : node->devices) {
      std::optional<std::uint64_t> memory = device.facts->memory_bytes;
      if (const auto told = device.readings[gpu::Reading::MemoryTotalBytes]; !memory && told && *told > 0)
        memory = static_cast<std::uint64_t>(*told);
      if (device.presence != fleet::Presence::Present || !memory) continue;
      const auto [at, is_new] = out.try_emplace({node->cluster, fleet::model_key_of(device.facts->name)});
      if (is_new) at->second.memory_bytes = *memory;
      if (at->second.product.empty()) at->second.product = product_of(*known.cluster, *node);
      at->second.memory_bytes = std::min(at->second.memory_bytes, *memory);
    }
  return out;
}

/// The model whose whole devices are all that it has; empty where it has others, or parts.
std::string model_of(const Workload& of) {
  for (const auto& one : of.holds)
    if (!one.profile.empty() || one.shared || one.model != of.holds.front().model) return "";
  return of.holds.empty() ? "" : of.holds.front().model;
}

const Compared* row_of(const Comparison& of, const std::string& model) {
  const auto row = std::ranges::find(of.rows, model, &Compared::model);
  return row == of.rows.end() || row->runs < kLeastBenchmarkRuns ? nullptr : &*row;
}

}  // namespace

void add_alternatives(fleet::advice::Facts& into, const Published& known, const fleet::RateBook& rates,
                      const std::vector<Record>& records, EpochMs now) {
  const ByShape comparisons = comparisons_of(records);
  if (comparisons.empty()) return;
  const Boards boards = boards_of(known);
  for (Workload& one : into.workloads) {
    if (!one.serves) continue;
    const std::string own_model = model_of(one);
    const auto served = comparisons.find(fleet::decision::find_model_shape(one.serves->model));
    if (own_model.empty() || served == comparisons.end()) continue;
    const Comparison* newest = nullptr;
    for (const Comparison& each : served->second) {
      const Compared* own = row_of(each, own_model);
      if (own && (!newest || own->last > row_of(*newest, own_model)->last)) newest = &each;
    }
    if (!newest) continue;
    one.serves->benchmarked = row_of(*newest, own_model)->median;
    for (const Compared& row : newest->rows) {
      const auto board = boards.find({one.cluster, row.model});
      const fleet::Rate* rate = rates.at({row.model, one.cluster, "", "", fleet::Purchase::OnDemand}, now);
      if (row.model == own_model || row.runs < kLeastBenchmarkRuns || board == boards.end() || !rate) continue;
      Alternative other;
      other.model = row.model;
      other.product = board->second.product;
      other.per_hour = rate->per_hour;
      other.tokens_per_second = row.median;
      other.memory_bytes = board->second.memory_bytes;
      other.benchmark = newest->version.empty() ? newest->name : fmt::format("{} {}", newest->name, newest->version);
      one.serves->alternatives.push_back(std::move(other));
    }
  }
}

}  // namespace tessera::server
