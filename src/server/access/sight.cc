#include "server/access/sight.h"

#include <algorithm>

#include "fleet/inventory/restricted.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMost = 64;  // restrictions at once; those beyond are worked out each time

}  // namespace

std::shared_ptr<Sight::One> Sight::one_of(const Viewer& viewer) {
  std::string name;
  for (const std::string& space : *viewer.spaces) name += space + ' ';
  const std::lock_guard lock(mutex_);
  const auto known = ones_.find(name);
  if (known == ones_.end() && ones_.size() >= kMost)
    ones_.erase(std::ranges::min_element(ones_, {}, [](const auto& one) { return one.second->used; }));
  auto& one = known == ones_.end() ? ones_.emplace(name, std::make_shared<One>()).first->second : known->second;
  one->used = ++uses_;
  return one;
}

std::shared_ptr<const Seen> Sight::of(const std::shared_ptr<const Published>& whole, const Viewer& viewer) {
  const auto one = one_of(viewer);
  const std::lock_guard lock(one->mutex);
  if (one->whole.lock() == whole) return one->seen;
  const auto mine = [&](const fleet::Workload& workload) { return viewer.sees(workload.space); };
  auto view = std::make_shared<fleet::View>();
  view->time = whole->view->time;
  std::unordered_map<const fleet::Node*, Part> parts;
  parts.reserve(whole->view->nodes.size());
  for (const auto& node : whole->view->nodes) {
    const auto known = one->parts.find(node.get());
    const bool same = known != one->parts.end() && known->second.whole.lock() == node;
    Part part = same ? known->second : Part{node, fleet::restricted(node, mine)};
    if (part.seen) view->nodes.push_back(part.seen);
    parts.emplace(node.get(), std::move(part));
  }
  auto seen = std::make_shared<Seen>();
  seen->overviews = one->fold.of(*view);
  seen->view = std::move(view);
  seen->cluster = fleet::restricted(*whole->cluster, *viewer.spaces, *seen->view);
  auto serving = std::make_shared<fleet::ServingView>();
  for (const auto& engine : whole->serving->engines)
    if (viewer.sees(engine->space)) serving->engines.push_back(engine);
  seen->serving = std::move(serving);
  one->parts = std::move(parts);
  one->whole = whole;
  one->seen = seen;
  return seen;
}

}  // namespace tessera::server
