#include "fleet/decision/stock.h"

#include <algorithm>
#include <tuple>

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kKindsKept = 4096;  // beyond them those without a member are forgotten

/// Without what tells one device from another: names, who has a part of it, and for how long that was idle. That it is
/// idle at all counts: policies weigh who is at work beside a newcomer.
Candidate in_common(Candidate one) {
  const auto somebody = [](std::string& holder) {
    if (!holder.empty()) holder = "x";
  };
  one.cluster.clear();
  one.node.clear();
  one.id.clear();
  one.uuid.clear();
  one.idle.reset();
  somebody(one.held_by);
  for (Piece& piece : one.pieces) {
    somebody(piece.held_by);
    piece.gpu_instance.reset();
    piece.uuid.clear();
    if (piece.held_by.empty()) piece.idle.reset();
    if (piece.idle) piece.idle = Milliseconds{0};
  }
  return one;
}

}  // namespace

bool Stock::ByWhatIsOffered::operator()(const Profiles& a, const Profiles& b) const {
  const auto key = [](const gpu::Profile& one) {
    return std::tie(one.id, one.memory_bytes, one.compute_slices, one.max_instances, one.sm_count, one.name,
                    one.placements);
  };
  return a != b && std::ranges::lexicographical_compare(
                       *a, *b, [&](const gpu::Profile& x, const gpu::Profile& y) { return key(x) < key(y); });
}

Stock::Stock(Supply supply) : supply_(std::move(supply)) {
  for (std::uint32_t at = 0; at < supply_.candidates.size(); ++at) {
    share_profiles(supply_.candidates[at]);
    kinds_[in_common(supply_.candidates[at])].members.insert(at);
  }
}

/// Each device is told of by itself, and devices are alike only with the same table.
void Stock::share_profiles(Candidate& candidate) {
  if (candidate.profiles) candidate.profiles = *profiles_.insert(candidate.profiles).first;
}

void Stock::set(std::size_t at, Candidate candidate) {
  const auto number = static_cast<std::uint32_t>(at);
  share_profiles(candidate);
  kinds_[in_common(supply_.candidates[at])].members.erase(number);
  kinds_[in_common(candidate)].members.insert(number);
  supply_.candidates[at] = std::move(candidate);
  ++version_;
  for (Mind& one : minds_)
    if (one.whole) one.whole->changed(supply_, at);
  if (kinds_.size() > kKindsKept) forget_unused();
}

void Stock::set_beside(const std::string& cluster, const std::string& node, std::optional<Beside> beside) {
  if (beside)
    supply_.nodes.insert_or_assign({cluster, node}, *beside);
  else
    supply_.nodes.erase({cluster, node});
  ++version_;
  for (Mind& one : minds_)
    if (one.whole) one.whole->changed_beside(supply_, cluster, node);
}

WholeDevices& Stock::whole_devices() {
  Mind& mind = minds_[mind_];
  if (!mind.whole) mind.whole.reset(new WholeDevices(supply_, *mind.policy));
  return *mind.whole;
}

void Stock::forget_unused() {
  std::erase_if(kinds_, [](const auto& kind) { return kind.second.members.empty(); });
}

void Stock::believe(const Policy& policy) {
  const auto found = std::ranges::find(minds_, &policy, &Mind::policy);
  const auto mind = found != minds_.end() ? found : std::ranges::min_element(minds_, {}, &Mind::asked);
  mind_ = static_cast<std::size_t>(mind - minds_.begin());
  if (mind->policy != &policy || mind->revision != policy.revision()) forget_mind(mind_);
  mind->policy = &policy;
  mind->revision = policy.revision();
  mind->asked = ++asked_;
}

void Stock::forget(const Policy& policy) {
  for (std::size_t i = 0; i < minds_.size(); ++i)
    if (minds_[i].policy == &policy) forget_mind(i);
}

void Stock::forget_mind(std::size_t number) {
  for (auto& [in_common, alike] : kinds_) alike.known[number].clear();
  minds_[number] = {};
}

}  // namespace tessera::fleet::decision
