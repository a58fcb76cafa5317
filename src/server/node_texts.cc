#include "server/node_texts.h"

#include <nlohmann/json.hpp>

#include "server/api_rows.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMostBytes = 64U << 20U;  // of some 25,000 devices: more than people look at

}  // namespace

NodeTexts::Text NodeTexts::device(const std::shared_ptr<const fleet::Node>& node, const fleet::Device& device) {
  return known(node, static_cast<std::size_t>(&device - node->devices.data()),
               [&] { return json_text(device_json(*node, device)); });
}

NodeTexts::Text NodeTexts::cells(const std::shared_ptr<const fleet::Node>& node) {
  return known(node, node->devices.size(), [&] { return json_text(cells_json(*node)); });
}

NodeTexts::Text NodeTexts::known(const std::shared_ptr<const fleet::Node>& node, std::size_t at,
                                 const std::function<std::string()>& write) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = texts_.find(node.get());
    // Where another state was at the same address, it has gone, and its texts with it.
    if (found != texts_.end() && found->second.node.lock() == node && found->second.all[at])
      return found->second.all[at];
  }
  auto text = std::make_shared<const std::string>(write());
  keep(node, at, text);
  return text;
}

std::size_t NodeTexts::states() const {
  const std::lock_guard lock(mutex_);
  return texts_.size();
}

void NodeTexts::keep(const std::shared_ptr<const fleet::Node>& node, std::size_t at, const Text& text) {
  const std::lock_guard lock(mutex_);
  if (texts_.size() >= sweep_at_) sweep();
  if (bytes_ + text->size() > kMostBytes) {
    texts_.clear();
    bytes_ = 0;
  }
  Texts& texts = texts_[node.get()];
  if (texts.node.lock() != node) {
    for (const Text& one : texts.all) bytes_ -= one ? one->size() : 0;
    texts = {node, std::vector<Text>(node->devices.size() + 1)};
  }
  if (texts.all[at]) return;  // somebody else wrote it meanwhile
  texts.all[at] = text;
  bytes_ += text->size();
}

void NodeTexts::sweep() {
  std::erase_if(texts_, [this](const auto& one) {
    if (!one.second.node.expired()) return false;
    for (const Text& text : one.second.all) bytes_ -= text ? text->size() : 0;
    return true;
  });
  sweep_at_ = 2 * texts_.size() + 64;
}

}  // namespace tessera::server
