#include "fleet/inventory/told_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tessera::fleet {
namespace {

struct Line {
  std::vector<std::pair<std::string, std::string>> labels;
  double value;
};

struct Collect : metrics::PageReader {
  std::vector<Line> lines;
  void sample(const metrics::Sample& sample) override {
    Line line{{{"__name__", std::string(sample.name)}}, sample.value};
    // Remote write has no empty labels.
    for (const metrics::Label& one : sample.labels)
      if (!one.value.empty()) line.labels.emplace_back(one.name, one.value);
    lines.push_back(std::move(line));
  }
};

std::vector<Line> read(const std::string& page) {
  Collect collect;
  const auto ok = metrics::parse_text(page, collect);
  if (!ok) throw std::runtime_error(ok.error().what);
  return collect.lines;
}

}  // namespace

void ToldPages::scrape(EpochMs time, const std::string& target, const std::string& page) {
  const auto target_labels = read(fmt::format("target{{{}}} 1\n", target)).at(0).labels;
  std::set<std::string> told;
  for (Line& line : read(page)) {
    // As honorLabels has it: the page's own word stands.
    for (std::size_t i = 1; i < target_labels.size(); ++i)
      if (std::ranges::find(line.labels, target_labels[i].first, &std::pair<std::string, std::string>::first) ==
          line.labels.end())
        line.labels.push_back(target_labels[i]);
    std::ranges::sort(line.labels);
    std::string series;
    std::vector<metrics::Label> labels;
    for (const auto& [name, value] : line.labels) {
      series += fmt::format("{}={};", name, value);
      labels.push_back({name, value});
    }
    told.insert(series);
    const auto [entry, fresh] = slots_.try_emplace(series);
    Known& known = entry->second;
    if (fresh) {
      known.serves = serving_meaning(label(labels, "__name__")).has_value();
      known.slot = known.serves ? serving.learn(labels, time) : fleet.learn(labels, time);
    } else if (!known.serves && fleet.wants_labels(known.slot, time)) {
      fleet.relearn(known.slot, labels, time);
    }
    known.serves ? serving.apply(known.slot, line.value, time) : fleet.apply(known.slot, line.value, time);
  }
  for (const std::string& series : last_scrape_[target])
    if (!told.contains(series)) {
      const Known& known = slots_.at(series);
      known.serves ? serving.end(known.slot, time) : fleet.end(known.slot, time);
    }
  last_scrape_[target] = std::move(told);
}

void ToldPages::forget() {
  for (const auto& [series, known] : slots_) known.serves ? serving.forget(known.slot) : fleet.forget(known.slot);
  slots_.clear();
  last_scrape_.clear();
}

const Node& node_of(const View& view, const std::string& name) {
  for (const auto& node : view.nodes)
    if (name.empty() || node->name == name) return *node;
  throw std::runtime_error("no node " + name);
}

const Device& device_of(const View& view, unsigned index, const std::string& node) {
  for (const Device& device : node_of(view, node).devices)
    if (device.facts->index == index) return device;
  throw std::runtime_error(fmt::format("no device {}", index));
}

}  // namespace tessera::fleet
