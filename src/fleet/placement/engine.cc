#include "fleet/placement/engine.h"

#include <algorithm>
#include <cassert>

namespace tessera::fleet::placement {
namespace {

// Of requests; the one that was longest not asked for is forgotten first. Each is some 12 bytes a node.
constexpr std::size_t kMostKinds = 1024, kFewestKinds = 64, kKindsTimesNodes = 4U << 20U;

std::size_t kinds_kept(std::size_t nodes) {
  return std::clamp(kKindsTimesNodes / std::max<std::size_t>(1, nodes), kFewestKinds, kMostKinds);
}

}  // namespace

Engine::Engine(std::vector<Room> rooms, std::unique_ptr<Policy> policy, std::uint64_t seed)
    : rooms_(std::move(rooms)),
      first_rooms_(rooms_),
      policy_(std::move(policy)),
      random_(seed),
      changed_(rooms_.size()) {}

std::optional<Place> Engine::decide(const Request& request) {
  ++decisions_;
  policy_->arrived(request, rooms_);
  if (rooms_.empty()) return std::nullopt;
  const auto node = policy_->draws() ? draw(request) : known(request).tournament.winner();
  if (!node) return std::nullopt;
  const Offer offer = policy_->offer(rooms_[*node], request);
  return Place{*node, offer.devices, offer.score};
}

std::vector<Place> Engine::best(const Request& request, std::size_t most,
                                const std::function<bool(const Place&)>& will_do) {
  ++decisions_;
  std::vector<Place> places;
  if (rooms_.empty() || most == 0) return places;
  const Tournament& tournament = known(request).tournament;
  for (auto ranks = tournament.ranks(); auto node = ranks.next();) {
    const Offer offer = policy_->offer(rooms_[*node], request);
    const Place place{*node, offer.devices, offer.score};
    if (!will_do(place)) continue;
    places.push_back(place);
    if (places.size() == most) break;
  }
  return places;
}

std::vector<Place> Engine::ranking(const Request& request) {
  std::vector<Place> places;
  for (std::uint32_t node = 0; node < rooms_.size(); ++node) {
    if (!fits(rooms_[node], request)) continue;
    const Offer offer = policy_->offer(rooms_[node], request);
    places.push_back({node, offer.devices, offer.score});
  }
  std::ranges::sort(
      places, [](const Place& a, const Place& b) { return a.score != b.score ? a.score > b.score : a.node < b.node; });
  return places;
}

void Engine::take(const Request& request, const Place& place) {
  assert(fits(rooms_[place.node], request));
  Room room = rooms_[place.node];
  placement::take(room, request, place.devices);
  set_room(place.node, room);
}

void Engine::give_back(const Request& request, const Place& place) {
  Room room = rooms_[place.node];
  placement::give_back(room, request, place.devices);
  set_room(place.node, room);
}

void Engine::set_room(std::uint32_t node, const Room& room) {
  policy_->changed(rooms_[node], room);
  rooms_[node] = room;
  changed(node);
}

// Of four changes a node the older half is forgotten: a kind that has not seen them learns all nodes anew, which it
// would nearly have to anyway.
void Engine::changed(std::uint32_t node) {
  changes_.push_back(node);
  changed_[node] = version();
  if (changes_.size() < 4 * rooms_.size()) return;
  const std::size_t half = changes_.size() / 2;
  changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(half));
  first_change_ += half;
}

Engine::Known& Engine::known(const Request& request) {
  auto found = known_.find(request);
  const bool is_new = found == known_.end();
  if (is_new) {
    if (known_.size() >= kinds_kept(rooms_.size()))
      known_.erase(std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.used; }));
    found = known_.emplace(request, Known{Tournament(rooms_.size()), 0, 0, 0}).first;
  }
  Known& known = found->second;
  if (is_new || known.version < first_change_ || known.revision != policy_->revision()) {
    learn_all(request, known);
  } else {
    learn_changes(request, known);
  }
  known.version = version();
  known.revision = policy_->revision();
  known.used = decisions_;
  return known;
}

// Of a large fleet many nodes are as they were in the beginning, and those of one shape are alike.
void Engine::learn_all(const Request& request, Known& known) {
  std::vector<std::optional<std::uint32_t>> alike;  // by shape
  for (std::uint32_t node = 0; node < rooms_.size(); ++node) {
    const Room& room = rooms_[node];
    if (room == first_rooms_[node]) {
      if (room.shape >= alike.size()) alike.resize(room.shape + std::size_t{1});
      auto& asked = alike[room.shape];
      if (asked && rooms_[*asked] == room) {
        known.tournament.set(node, known.tournament.score(*asked));
        continue;
      }
      asked = node;
    }
    ask(request, known, node);
  }
  known.tournament.play_all();
}

// A node that changed several times is asked about once, where its last change stands.
void Engine::learn_changes(const Request& request, Known& known) {
  for (std::uint64_t i = known.version; i < version(); ++i) {
    const std::uint32_t node = changes_[i - first_change_];
    if (changed_[node] != i + 1) continue;
    ask(request, known, node);
    known.tournament.play(node);
  }
}

void Engine::ask(const Request& request, Known& known, std::uint32_t node) {
  const Room& room = rooms_[node];
  known.tournament.set(node, fits(room, request) ? policy_->offer(room, request).score : Tournament::kOut);
}

// Drawing until one fits takes few draws as long as many fit; when few do, all are looked at.
std::optional<std::uint32_t> Engine::draw(const Request& request) {
  const auto any = [this](std::size_t below) { return static_cast<std::uint32_t>(random_() % below); };
  for (int attempt = 0; attempt < 16; ++attempt)
    if (const std::uint32_t node = any(rooms_.size()); fits(rooms_[node], request)) return node;
  std::vector<std::uint32_t> fitting;
  for (std::uint32_t node = 0; node < rooms_.size(); ++node)
    if (fits(rooms_[node], request)) fitting.push_back(node);
  if (fitting.empty()) return std::nullopt;
  return fitting[any(fitting.size())];
}

}  // namespace tessera::fleet::placement
