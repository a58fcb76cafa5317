#include "server/movers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/allocation_choice.h"
#include "server/differences.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

constexpr std::string_view kMayMove = "tessera.dev/may-move";  // a pod's label
constexpr std::size_t kMostDevices = 512;
constexpr unsigned kMostMoves = 2;

bool is_labelled(const fleet::ClusterPod& pod) {
  const auto label = pod.labels.find(std::string(kMayMove));
  return label != pod.labels.end() && label->second == "true";
}

/// Of a cluster's devices those on which somebody may move, and as many others, up to the most; in their order.
decision::Supply nearest(const decision::Supply& of, const Movers& movers, const std::string& cluster) {
  const auto& all = of.candidates;
  const auto [first, last] = std::ranges::equal_range(all, cluster, {}, &decision::Candidate::cluster);
  std::vector<std::size_t> movable, others;
  for (auto one = first; one != last && movable.size() < kMostDevices; ++one) {
    const bool has_movable = std::ranges::any_of(
        one->pieces, [&](const decision::Piece& piece) { return movers.has(cluster, piece.held_by); });
    const auto at = static_cast<std::size_t>(one - all.begin());
    if (has_movable)
      movable.push_back(at);
    else if (others.size() < kMostDevices)
      others.push_back(at);
  }
  others.resize(std::min(others.size(), kMostDevices - movable.size()));
  movable.insert(movable.end(), others.begin(), others.end());
  std::ranges::sort(movable);
  decision::Supply out{of.as_of, {}, {}};
  for (const std::size_t at : movable) out.candidates.push_back(all[at]);
  movers.mark(out);
  return out;
}

}  // namespace

decision::Policy& Policies::named(const std::string& name) {
  auto& out = made_[name];
  if (!out) out = *decision::make_policy(name, *mix_);
  return *out;
}

Movers::Movers(const fleet::AllocationBook& book, std::shared_ptr<const fleet::ClusterView> pods)
    : pods_(std::move(pods)) {
  look_at_all(book);
}

void Movers::look_at_all(const fleet::AllocationBook& book) {
  for (const auto& [id, one] : book.all())
    if (!fleet::is_over(one.state)) look_at(book, {one.cluster, one.space, one.pod});
  for (const auto& [name, pod] : pods_->pods)
    if (is_labelled(*pod)) look_at(book, {pods_->cluster, pod->space, pod->name});
}

void Movers::follow(const fleet::AllocationBook& book, std::shared_ptr<const fleet::ClusterView> pods,
                    const std::set<PodName>& turned) {
  const auto before = std::exchange(pods_, std::move(pods));
  for (const PodName& one : turned) look_at(book, one);
  if (before == pods_) return;
  if (before->cluster != pods_->cluster) {
    wishes_.clear();
    ++version_;
    return look_at_all(book);
  }
  differences(before->pods, pods_->pods, [&](const std::string& name) {
    const auto now = pods_->pods.find(name);
    const fleet::ClusterPod& pod = now == pods_->pods.end() ? *before->pods.find(name)->second : *now->second;
    look_at(book, {pods_->cluster, pod.space, pod.name});
  });
}

/// Its allocation may be bound to a node, also where it is its label that lets it move. One that does not name the
/// member is not read.
void Movers::look_at(const fleet::AllocationBook& book, const PodName& of) {
  ++looked_at_;
  const auto& [cluster, space, name] = of;
  const auto pod = pods_->pods.find(fleet::pod_key(space, name));
  const bool labelled = cluster == pods_->cluster && pod != pods_->pods.end() && is_labelled(*pod->second);
  std::optional<AllocationWish> wish;
  const fleet::PodAllocation* own = book.of_pod(cluster, space, name);
  if (own && (labelled || own->request.find("mayMove") != std::string::npos))
    if (auto asked = read_kept_wish(own->request); asked && (labelled || asked->may_move)) wish = *std::move(asked);
  if (labelled && !wish) wish.emplace();
  if (!wish) {
    if (const auto known = wishes_.find(cluster); known != wishes_.end())
      version_ += known->second.erase(fleet::pod_key(space, name));
    return;
  }
  wish->cluster = cluster;
  wish->space = space;
  wish->pod = name;
  version_ += wishes_[cluster].insert_or_assign(fleet::pod_key(space, name), *std::move(wish)).second ? 1 : 0;
}

const Movers::Wishes* Movers::wishes_of(std::string_view cluster) const {
  const auto found = wishes_.find(cluster);
  return found == wishes_.end() ? nullptr : &found->second;
}

std::size_t Movers::of(std::string_view cluster) const {
  const Wishes* wishes = wishes_of(cluster);
  return wishes ? wishes->size() : 0;
}

bool Movers::has(std::string_view cluster, std::string_view holder) const {
  const Wishes* wishes = wishes_of(cluster);
  return wishes && !holder.empty() && wishes->contains(holder);
}

void Movers::mark(decision::Supply& supply) const {
  for (decision::Candidate& device : supply.candidates)
    for (decision::Piece& piece : device.pieces) piece.may_move = has(device.cluster, piece.held_by);
}

decision::TermsOf Movers::terms(std::string_view cluster, Policies& policies) const {
  return [this, wishes = wishes_of(cluster), &policies](const std::string& holder) -> decision::Terms {
    const auto found = wishes ? wishes->find(holder) : Wishes::const_iterator();
    if (!wishes || found == wishes->end()) return {};
    const AllocationWish& wish = found->second;
    return {.scope = scope_of(wish, *pods_),
            .policy = wish.policy.empty() ? nullptr : &policies.named(wish.policy),
            .type = wish.need.type};
  };
}

void Ways::follow(const fleet::AllocationBook& book, const std::shared_ptr<const fleet::ClusterView>& pods, bool all,
                  const std::set<PodName>& turned) {
  if (!movers_) return;
  if (!all) return movers_->follow(book, pods, turned);
  movers_.reset();
  near_.reset();
}

Ways::Near& Ways::near(const decision::Stock& stock, const std::string& cluster,
                       const std::shared_ptr<const decision::Mix>& mix) {
  const bool is_same = near_ && near_->cluster == cluster && near_->stock_version == stock.version() &&
                       near_->movers_version == movers_->version() && near_->mix == mix;
  if (!is_same)
    near_.emplace(Near{cluster, stock.version(), movers_->version(), mix,
                       decision::Stock(nearest(stock.supply(), *movers_, cluster)), Policies(mix)});
  return *near_;
}

std::optional<decision::Way> Ways::in(const decision::Stock& stock, const AllocationWish& wish,
                                      const std::shared_ptr<const decision::Mix>& mix,
                                      const fleet::AllocationBook& book,
                                      const std::shared_ptr<const fleet::ClusterView>& pods) {
  if (!movers_) movers_.emplace(book, pods);
  if (movers_->of(*wish.cluster) == 0) return std::nullopt;
  Near& on = near(stock, *wish.cluster, mix);
  return decision::make_way(on.stock, wish.need, on.policies.named(policy_), kMostMoves, scope_of(wish, *pods),
                            movers_->terms(*wish.cluster, on.policies));
}

}  // namespace tessera::server
