#include "fleet/decision/whole_devices.h"

#include <algorithm>
#include <map>

#include "fleet/decision/options.h"

namespace tessera::fleet::decision {
namespace {

/// Models have six bits in what the engine remembers. Of more classes the last share a number: then a node may win that
/// does not serve the need, is looked at, and passed over.
constexpr std::uint8_t kLastNumber = 63;

/// Those that are given as a whole, whoever has them now.
bool is_whole(const Candidate& one) { return one.mig != MigMode::On && !one.shares; }

bool is_free(const Candidate& one) {
  return is_whole(one) && one.unfit.empty() && one.held_by.empty() && one.pieces.empty() && !is_partly_closed(one);
}

bool is_given_whole(const Candidate& one, const Need& need) {
  const auto ways = examine(one, need);
  const auto* options = std::get_if<std::vector<Option>>(&ways);
  return options && std::ranges::any_of(*options, [](const Option& option) { return is_device(option); });
}

Candidate bare(const Candidate& of) {
  Candidate out;
  out.model = of.model;
  out.memory_bytes = of.memory_bytes;
  out.price_micros = of.price_micros;
  out.may_be_taken = of.may_be_taken;
  return out;
}

/// Of whom nobody has asked for anything yet: as often one device as two, four or all of a usual node.
placement::Mix any_size() {
  placement::Mix out;
  for (const unsigned devices : {1U, 2U, 4U, 8U})
    out.push_back({{.devices = devices, .device_milli = placement::kWholeMilli}, 0.25});
  return out;
}

bool is_same_node(const Candidate& a, const Candidate& b) { return a.node == b.node && a.cluster == b.cluster; }

}  // namespace

WholeDevices::WholeDevices(const Supply& supply, const Policy& policy)
    : policy_(policy.node_policy()), mix_(policy.mix()) {
  build(supply);
}

std::uint8_t WholeDevices::number_of(const Candidate& candidate) {
  const Candidate like = bare(candidate);
  const auto known = std::ranges::find(classes_, like, &Class::like);
  const auto number = std::min<std::size_t>(static_cast<std::size_t>(known - classes_.begin()), kLastNumber);
  if (known == classes_.end()) classes_.push_back({like, Bits{1} << number});
  return static_cast<std::uint8_t>(number);
}

placement::Room WholeDevices::room_of(const Supply& supply, const Row& row, bool empty) {
  placement::Room out;
  out.devices = static_cast<std::uint8_t>(row.count);
  const Candidate* first = &supply.candidates[row.first];
  if (const auto beside = supply.nodes.find({first->cluster, first->node}); beside != supply.nodes.end()) {
    out.cpu_milli = empty ? beside->second.cpu_milli : beside->second.free_cpu_milli;
    out.memory_mib = empty ? beside->second.memory_mib : beside->second.free_memory_mib;
  }
  for (unsigned i = 0; i < row.count; ++i) {
    out.model[i] = number_of(first[i]);
    if (empty ? is_whole(first[i]) : is_free(first[i])) out.milli[i] = placement::kWholeMilli;
  }
  return out;
}

void WholeDevices::build(const Supply& supply) {
  stale_ = false;
  classes_.clear();
  rows_.clear();
  row_.resize(supply.candidates.size());
  for (std::uint32_t at = 0; at < supply.candidates.size(); ++at) {
    const bool is_next = at > 0 && rows_.back().count < placement::kMaxDevices &&
                         is_same_node(supply.candidates[at - 1], supply.candidates[at]);
    if (!is_next) rows_.push_back({at, 0});
    ++rows_.back().count;
    row_[at] = static_cast<std::uint32_t>(rows_.size() - 1);
  }
  empty_.clear();
  for (const Row& row : rows_) empty_.push_back(room_of(supply, row, true));
  placement::number_shapes(empty_);
  // The engine first hears of empty nodes, which are alike, and then of what they have left.
  auto policy = placement::make_policy(policy_, {expected(), empty_, 0, true});
  engine_ = std::make_unique<placement::Engine>(empty_, *std::move(policy));
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    placement::Room now = room_of(supply, rows_[row], false);
    now.shape = empty_[row].shape;
    if (!(now == empty_[row])) engine_->set_room(row, now);
  }
}

void WholeDevices::changed(const Supply& supply, std::size_t at) {
  if (stale_) return;
  const std::uint32_t row = row_[at];
  const std::size_t known = classes_.size();
  placement::Room empty = room_of(supply, rows_[row], true), now = room_of(supply, rows_[row], false);
  empty.shape = now.shape = empty_[row].shape;
  stale_ = !(empty == empty_[row]) || classes_.size() != known;
  if (!stale_ && !(now == engine_->rooms()[row])) engine_->set_room(row, now);
}

void WholeDevices::changed_beside(const Supply& supply, const std::string& cluster, const std::string& node) {
  const auto found = std::ranges::lower_bound(supply.candidates, std::tie(cluster, node), {},
                                              [](const Candidate& one) { return std::tie(one.cluster, one.node); });
  const auto at = [&](auto one) { return static_cast<std::size_t>(one - supply.candidates.begin()); };
  for (auto one = found; one != supply.candidates.end() && one->node == node && one->cluster == cluster; ++one)
    if (one == found || row_[at(one)] != row_[at(one) - 1]) changed(supply, at(one));
}

WholeDevices::Bits WholeDevices::serving(const Need& need) const {
  Bits out = 0;
  for (const Class& one : classes_)
    if (is_given_whole(one.like, need)) out |= one.bit;
  return out;
}

placement::Request WholeDevices::request_of(const Need& need, Bits bits) const {
  return {need.cpu_milli, need.node_memory_mib, need.devices, placement::kWholeMilli, bits};
}

/// Of what is expected to come, that which whole devices serve.
placement::Mix WholeDevices::expected() const {
  std::map<placement::Request, double> shares;
  double all = 0;
  for (const Typical& one : mix_) {
    const Bits bits = one.need.mig == MigUse::Required ? 0 : serving(one.need);
    if (bits == 0) continue;
    shares[request_of(one.need, bits)] += one.share;
    all += one.share;
  }
  if (shares.empty()) return any_size();
  placement::Mix out;
  for (const auto& [request, share] : shares) out.push_back({request, share / all});
  std::ranges::sort(
      out, [](const auto& a, const auto& b) { return a.share != b.share ? a.share > b.share : a.request < b.request; });
  return out;
}

/// Where the policy knows dearer devices from cheaper ones, the engine chooses among those that cost alike; the
/// cheapest come first.
std::vector<WholeDevices::Group> WholeDevices::groups(const Need& need, Policy& policy) const {
  std::map<double, Bits> by_cost;
  for (const Class& one : classes_)
    if (is_given_whole(one.like, need))
      by_cost[policy.weighs_devices() ? policy.cost({.candidate = &one.like}, need).value : 0] |= one.bit;
  std::vector<Group> out;
  for (const auto& [cost, bits] : by_cost) out.push_back({cost, bits});
  return out;
}

void WholeDevices::add_best(const Supply& supply, const Need& need, Policy& policy, const Group& group, bool beside,
                            std::size_t most, const std::function<bool(std::size_t)>& is_open,
                            std::vector<Place>& out) {
  placement::Request request = request_of(need, group.bits);
  if (!beside) request.cpu_milli = request.memory_mib = 0;
  const auto candidates_of = [&](const placement::Place& place) {
    std::vector<std::uint32_t> of;
    for (unsigned i = 0; i < placement::kMaxDevices; ++i)
      if ((place.devices >> i & 1U) != 0) of.push_back(rows_[place.node].first + i);
    return of;
  };
  const auto will_do = [&](const placement::Place& place) {
    return std::ranges::all_of(candidates_of(place), [&](std::uint32_t at) {
      return is_open(at) && is_given_whole(supply.candidates[at], need);
    });
  };
  for (const placement::Place& place : engine_->best(request, most, will_do)) {
    Place found{candidates_of(place), {}};
    const Candidate& first = supply.candidates[found.candidates.front()];
    Cost& cost = found.cost = policy.cost({.candidate = &first}, need);
    for (Term& term : cost.terms) term.value *= need.devices;
    cost.value *= need.devices;
    // What the engine says of nodes orders them, and is no money. Of scores the higher is the better one.
    for (const placement::Part& part : engine_->parts(request, place))
      if (part.value != 0) cost.terms.push_back({part.key, part.key == "score" ? -part.value : part.value / 1000});
    out.push_back(std::move(found));
  }
}

std::vector<WholeDevices::Place> WholeDevices::best(const Supply& supply, const Need& need, Policy& policy,
                                                    std::size_t most, const std::function<bool(std::size_t)>& is_open) {
  if (stale_) build(supply);
  std::vector<Place> out;
  for (const bool beside : {true, false}) {
    for (const Group& group : groups(need, policy))
      if (out.size() < most) add_best(supply, need, policy, group, beside, most - out.size(), is_open, out);
    if (!out.empty() || (need.cpu_milli == 0 && need.node_memory_mib == 0)) break;
  }
  return out;
}

}  // namespace tessera::fleet::decision
