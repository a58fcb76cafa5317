#include "server/node_changes/rules.h"

#include <fmt/format.h>

#include <utility>

#include "kube/selector.h"

namespace tessera::server::nodes {

Result<void> read_way(const config::Node& node, Rules& into) {
  into.way = TRY(node.word({"nvml", "mig-manager"})) == "nvml" ? Way::Nvml : Way::MigManager;
  return {};
}

Result<void> read_strategy(const config::Node& node, Rules& into) {
  static constexpr std::pair<std::string_view, Strategy> kWords[] = {
      {"auto", Strategy::Auto}, {"none", Strategy::None}, {"single", Strategy::Single}, {"mixed", Strategy::Mixed}};
  const std::string word = TRY(node.word({"auto", "none", "single", "mixed"}));
  for (const auto& [name, strategy] : kWords)
    if (name == word) into.strategy = strategy;
  return {};
}

Result<void> read_windows(const config::Node& node, Rules& into) {
  into.windows.clear();
  for (const std::string& text : TRY(node.texts())) {
    const auto windows = parse_windows(text);
    if (!windows) return node.error(windows.error().what);
    into.windows.insert(into.windows.end(), windows->begin(), windows->end());
  }
  return {};
}

Result<void> read_selectors(const config::Node& node, Rules& into) {
  into.plugin_selectors = TRY(node.texts());
  for (const std::string& one : into.plugin_selectors)
    if (const auto selector = kube::parse_selector(one); !selector || selector->empty())
      return node.error(fmt::format("'{}': a label selector expected, as app=nvidia-device-plugin", one));
  return {};
}

}  // namespace tessera::server::nodes
