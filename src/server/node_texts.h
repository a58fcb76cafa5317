#pragma once
// What is told of a node's devices, as text: it says nothing but what that state of the node has, which never changes,
// so it is written once and not for each who asks.
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "fleet/inventory/node.h"

namespace tessera::server {

/// Thread-safe. States of nodes that nobody holds any more are dropped.
class NodeTexts {
 public:
  using Text = std::shared_ptr<const std::string>;

  /// device_json() of this device of `node`.
  Text device(const std::shared_ptr<const fleet::Node>& node, const fleet::Device& device);
  /// Its line of the heat map; see api_heatmap.cc.
  Text cells(const std::shared_ptr<const fleet::Node>& node);

  std::size_t states() const;  ///< of nodes, that it has texts of

 private:
  struct Texts {
    std::weak_ptr<const fleet::Node> node;
    std::vector<Text> all;  ///< by device, and the cells behind them; null: not written yet
  };
  Text known(const std::shared_ptr<const fleet::Node>& node, std::size_t at, const std::function<std::string()>& write);
  void keep(const std::shared_ptr<const fleet::Node>& node, std::size_t at, const Text& text);
  void sweep();

  mutable std::mutex mutex_;
  std::unordered_map<const fleet::Node*, Texts> texts_;  // guarded by mutex_
  std::size_t bytes_ = 0;                                // guarded by mutex_
  std::size_t sweep_at_ = 64;                            // guarded by mutex_
};

}  // namespace tessera::server
