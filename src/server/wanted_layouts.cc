#include "server/wanted_layouts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "server/api_json.h"
#include "server/wanted_layouts_json.h"

namespace tessera::server {
namespace {

constexpr std::size_t kLongestDocument = 1U << 20U;
constexpr std::size_t kChangesKept = 10'000;  // who has not asked since looks at all nodes anew
constexpr std::string_view kSilent =
    "no layout container of this node has asked what is wanted for two minutes (tessera-agent layout)";
constexpr std::size_t kMostWaiting = 1'000;  // each is a connection; beyond that nodes are answered at once

http::Response of_text(std::string text) {
  http::Response out;
  if (text.empty()) out.status = 204;
  out.content_type = "application/json";
  out.body = std::move(text);
  return out;
}

void finish(http::Stream& reply, std::string text) {
  if (!text.empty()) reply.send(std::make_shared<const std::string>(std::move(text)));
  reply.close();
}

}  // namespace

bool stands_as_wanted(const ToldDevice& told, std::vector<store::WantedInstance> wanted) {
  std::vector<store::WantedInstance> stands;
  for (const ToldInstance& one : told.instances)
    if (!one.compute.empty() || std::ranges::count(wanted, one.placed) == 0) stands.push_back(one.placed);
  const auto by_start = [](const store::WantedInstance& one) { return one.placement.start; };
  std::ranges::sort(stands, {}, by_start);
  std::ranges::sort(wanted, {}, by_start);
  return stands == wanted;
}

WantedLayouts::WantedLayouts(std::int64_t epoch, std::vector<store::WantedLayout> known, std::int64_t last_generation,
                             std::function<SteadyTime()> clock)
    : epoch_(std::max<std::int64_t>(epoch, 1)),
      generation_(last_generation),
      clock_(std::move(clock)),
      began_(clock_()) {
  for (store::WantedLayout& one : known) {
    Key key{one.cluster, one.device_uuid};
    generation_ = std::max(generation_, one.generation);
    wanted_.insert_or_assign(std::move(key), std::move(one));
  }
  began_at_ = generation_;
  thread_ = std::jthread([this](const std::stop_token& stop) { answer_late(stop); });
}

WantedLayouts::~WantedLayouts() {
  thread_.request_stop();
  thread_.join();
  for (const Waiting& one : waiting_) one.reply->close();
}

void WantedLayouts::want(store::WantedLayout layout) {
  const std::lock_guard lock(mutex_);
  const Key node{layout.cluster, layout.node};
  Key key{layout.cluster, layout.device_uuid};
  if (const auto known = wanted_.find(key); known != wanted_.end() && known->second.generation > layout.generation)
    return;
  generation_ = std::max(generation_, layout.generation);
  wanted_.insert_or_assign(std::move(key), std::move(layout));
  note_change(node);
  answer(node);
}

void WantedLayouts::forget(std::string_view cluster, std::string_view device_uuid) {
  const std::lock_guard lock(mutex_);
  const auto found = wanted_.find(Key(cluster, device_uuid));
  if (found == wanted_.end()) return;
  const Key node{found->second.cluster, found->second.node};
  reports_.erase(found->first);
  finished_.erase(found->first);
  wanted_.erase(found);
  note_change(node);
  answer(node);
}

void WantedLayouts::replace(std::vector<store::WantedLayout> all) {
  std::vector<Key> gone;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, layout] : wanted_)
      if (std::ranges::none_of(all, [&](const auto& one) { return Key(one.cluster, one.device_uuid) == key; }))
        gone.push_back(key);
  }
  for (const auto& [cluster, device] : gone) forget(cluster, device);
  for (store::WantedLayout& one : all)
    if (of(one.cluster, one.device_uuid) != one) want(std::move(one));
}

std::optional<store::WantedLayout> WantedLayouts::of(std::string_view cluster, std::string_view device_uuid) const {
  const std::lock_guard lock(mutex_);
  const auto found = wanted_.find(Key(cluster, device_uuid));
  return found == wanted_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<store::WantedLayout> WantedLayouts::of_device(std::string_view uuid,
                                                            const std::optional<std::string>& cluster) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(
      wanted_, [&](const auto& one) { return one.first.second == uuid && (!cluster || one.first.first == *cluster); });
  return found == wanted_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<LayoutReport> WantedLayouts::report_of(std::string_view cluster, std::string_view device_uuid) const {
  const std::lock_guard lock(mutex_);
  const auto found = reports_.find(Key(cluster, device_uuid));
  return found == reports_.end() ? std::nullopt : std::optional(found->second);
}

void WantedLayouts::prepare(std::string cluster) {
  const std::lock_guard lock(mutex_);
  prepared_ = std::move(cluster);
  changes_.clear();
  ++version_;  // of any of its nodes more may be known
  prepared_since_ = std::chrono::steady_clock::now();
}

bool WantedLayouts::is_told(const Key& node) const {
  if (prepared_.empty() || node.first != prepared_) return true;
  const auto found = courses_.find(node);
  return found != courses_.end() && found->second.told;
}

void WantedLayouts::course(const std::string& cluster, const std::string& node, NodeCourse course) {
  const Key key{cluster, node};
  const std::lock_guard lock(mutex_);
  const bool before = is_told(key);
  const bool now = course.told;
  courses_.insert_or_assign(key, std::move(course));
  if (before != now) answer(key);
}

std::optional<NodeCourse> WantedLayouts::course_of(std::string_view cluster, std::string_view node) const {
  const std::lock_guard lock(mutex_);
  const auto found = courses_.find(Key(cluster, node));
  return found == courses_.end() ? std::nullopt : std::optional(found->second);
}

void WantedLayouts::leave_uncut(std::map<std::string, std::string, std::less<>> nodes) {
  const std::lock_guard lock(mutex_);
  for (const auto& [from, to] : {std::pair(&uncut_, &nodes), std::pair(&nodes, &uncut_)})
    for (const auto& [node, why] : *from)
      if (const auto other = to->find(node); other == to->end() || other->second != why) note_change({prepared_, node});
  uncut_ = std::move(nodes);
}

void WantedLayouts::note_change(Key node) {
  changes_.push_back(std::move(node));
  ++version_;
  if (changes_.size() > kChangesKept) changes_.pop_front();
}

std::optional<std::vector<WantedLayouts::Key>> WantedLayouts::changed_since(std::uint64_t& version) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t since = std::exchange(version, version_);
  if (version_ - since > changes_.size()) return std::nullopt;
  return std::vector<Key>(changes_.end() - static_cast<std::ptrdiff_t>(version_ - since), changes_.end());
}

std::string WantedLayouts::why_uncut(std::string_view cluster, std::string_view node) const {
  const std::lock_guard lock(mutex_);
  if (!prepared_.empty() && cluster == prepared_) {
    const auto found = uncut_.find(node);
    return found == uncut_.end() ? std::string() : found->second;
  }
  if (!counts_silence_) return {};
  const auto found = heard_.find(Key(cluster, node));
  return found == heard_.end() || found->second.is_silent ? std::string(kSilent) : std::string();
}

bool WantedLayouts::let_go(const std::string& cluster, const std::string& node) const {
  const std::lock_guard lock(mutex_);
  return has_let_go({cluster, node});
}

bool WantedLayouts::has_let_go(const Key& node) const {
  if (is_told(node)) return false;
  const auto found = in_force_.find(node);
  const SteadyTime until = found == in_force_.end() ? prepared_since_ + kLayoutLifetime : found->second;
  return until <= std::chrono::steady_clock::now();
}

std::vector<store::WantedLayout> WantedLayouts::in(std::string_view cluster) const {
  const std::lock_guard lock(mutex_);
  std::vector<store::WantedLayout> out;
  for (const auto& [key, layout] : wanted_)
    if (key.first == cluster) out.push_back(layout);
  return out;
}

std::shared_ptr<const ToldNode> WantedLayouts::told_by(const std::string& cluster, const std::string& node,
                                                       SteadyTime since) const {
  const std::lock_guard lock(mutex_);
  const auto found = heard_.find(Key(cluster, node));
  return found == heard_.end() || found->second.at < since ? nullptr : found->second.told;
}

/// What this server has not told it can only be of before: up to where the database began, or of another one.
bool WantedLayouts::is_unknown(const Key& node, const LayoutNumber& newest) const {
  const auto told = first_told_.find(node);
  return newest.generation > began_at_ && (told == first_told_.end() || newest.generation < told->second);
}

bool WantedLayouts::is_anothers(const std::string& cluster, const std::string& node, const LayoutNumber& newest) const {
  const std::lock_guard lock(mutex_);
  return is_unknown({cluster, node}, newest);
}

/// Above the generation, so that what a node tells of it later is never of the other database.
std::optional<LayoutNumber> WantedLayouts::number_after(const std::string& cluster, const std::string& node,
                                                        const LayoutNumber& newest) const {
  const std::lock_guard lock(mutex_);
  if (caught_up_with_.contains({cluster, node})) return std::nullopt;
  LayoutNumber out{std::max(epoch_, newest.epoch), generation_};
  if (newest.generation > generation_ || (newest.generation == generation_ && is_unknown({cluster, node}, newest)))
    out.generation = newest.generation + 1;
  return out == LayoutNumber{epoch_, generation_} ? std::nullopt : std::optional(out);
}

LayoutNumber WantedLayouts::number() const {
  const std::lock_guard lock(mutex_);
  return {epoch_, generation_};
}

void WantedLayouts::go_on_from(const std::string& cluster, const std::string& node, const LayoutNumber& number) {
  const std::lock_guard lock(mutex_);
  caught_up_with_.emplace(cluster, node);
  epoch_ = std::max(epoch_, number.epoch);
  generation_ = std::max(generation_, number.generation);
}

/// An agent that has nothing to tell of a device that it lists has forgotten what it told before.
void WantedLayouts::hear(const std::string& cluster, const std::string& node, ToldNode told) {
  const std::lock_guard lock(mutex_);
  const Key key(cluster, node);
  const auto before = heard_.find(key);
  if (counts_silence_ && (before == heard_.end() || before->second.is_silent)) note_change(key);
  for (const ToldDevice& device : told.devices) {
    const auto wanted = wanted_.find(Key(cluster, device.uuid));
    if (wanted == wanted_.end() || wanted->second.node != node) continue;
    if (std::ranges::find(told.reports, device.uuid, &LayoutReport::device_uuid) == told.reports.end())
      reports_.erase(wanted->first);
    // Who is told nothing is in the middle of nothing.
    if (has_let_go(key) && stands_as_wanted(device, wanted->second.instances)) note_finished(wanted->second, told.time);
  }
  told.generation = generation_;
  heard_.insert_or_assign(key, Heard{clock_(), std::make_shared<const ToldNode>(std::move(told))});
}

void WantedLayouts::note_silent() {
  const std::lock_guard lock(mutex_);
  const SteadyTime since = clock_() - kAsksWithin;
  if (since < began_) return;
  if (!std::exchange(counts_silence_, true)) {  // of any node more is known
    changes_.clear();
    ++version_;
  }
  for (auto& [node, heard] : heard_)
    if (heard.at <= since && !std::exchange(heard.is_silent, true)) note_change(node);
}

std::vector<store::WantedLayout> WantedLayouts::hands_off() const {
  const std::lock_guard lock(mutex_);
  std::vector<store::WantedLayout> out;
  for (const auto& [key, wanted] : wanted_) {
    const auto report = reports_.find(key);
    const bool is_told = report != reports_.end() && report->second.state == "hands-off" &&
                         report->second.generation >= wanted.generation;
    if (is_told || changed(wanted)) out.push_back(wanted);
  }
  return out;
}

/// Null where it is not, or where that was seen by an earlier wish.
const ChangedDevice* WantedLayouts::changed(const store::WantedLayout& wanted) const {
  const auto course = courses_.find(Key(wanted.cluster, wanted.node));
  if (course == courses_.end()) return nullptr;
  const auto found = std::ranges::find_if(course->second.changed, [&](const ChangedDevice& one) {
    return one.uuid == wanted.device_uuid && one.generation >= wanted.generation;
  });
  return found == course->second.changed.end() ? nullptr : &*found;
}

std::optional<std::string> WantedLayouts::why_changed(std::string_view cluster, std::string_view device_uuid) const {
  const std::lock_guard lock(mutex_);
  const auto wanted = wanted_.find(Key(cluster, device_uuid));
  const ChangedDevice* found = wanted == wanted_.end() ? nullptr : changed(wanted->second);
  return found ? std::optional(found->why) : std::nullopt;
}

void WantedLayouts::note_finished(const store::WantedLayout& wanted, EpochMs time) {
  Finished& finished = finished_[Key(wanted.cluster, wanted.device_uuid)];
  if (finished.generation != wanted.generation) finished = {wanted.generation, time};
}

std::vector<FinishedLayout> WantedLayouts::finished() const {
  const std::lock_guard lock(mutex_);
  std::vector<FinishedLayout> out;
  for (const auto& [key, one] : finished_)
    if (const auto wanted = wanted_.find(key);
        wanted != wanted_.end() && wanted->second.generation == one.generation && !wanted->second.planned_from.empty())
      out.push_back({wanted->second, one.since});
  return out;
}

http::Response WantedLayouts::ask(const std::string& cluster, const std::string& node,
                                  std::vector<LayoutReport> reports, Milliseconds wait) {
  const Key key{cluster, node};
  const std::lock_guard lock(mutex_);
  for (LayoutReport& one : reports)
    if (const auto found = wanted_.find(Key(cluster, one.device_uuid));
        found != wanted_.end() && found->second.node == node) {
      // That of an earlier wish says nothing: an agent may tell it after the next one was made.
      if (one.state == "done" && one.generation == found->second.generation) note_finished(found->second, one.time);
      reports_.insert_or_assign(found->first, std::move(one));
    }
  make_room(key);
  // That nothing is to be done any longer is news to who was told what is wanted, be it by the server before this one.
  const auto told = in_force_.find(key);
  const bool taken_back = !is_told(key) && (told == in_force_.end() || told->second != SteadyTime{});
  if (taken_back || is_news(key) || wait <= Milliseconds(0) || waiting_.size() >= kMostWaiting)
    return of_text(document(key));
  http::Response out;  // its head goes out now: what is wanted, or nothing, follows
  out.content_type = "application/json";
  out.stream = std::make_shared<http::Stream>(kLongestDocument);
  waiting_.push_back({key, std::chrono::steady_clock::now() + wait, out.stream});
  ++asked_;
  changed_.notify_one();
  return out;
}

/// A node waits once: one that asks again has given up its last question. Who has gone waits no longer.
void WantedLayouts::make_room(const Key& node) {
  std::erase_if(waiting_, [&](const Waiting& one) {
    if (one.node == node) one.reply->close();
    return one.node == node || one.reply->state() != http::Stream::State::Open;
  });
}

bool WantedLayouts::is_news(const Key& node) const {
  return is_told(node) && std::ranges::any_of(wanted_, [&](const auto& one) {
           const auto& [key, layout] = one;
           if (Key(layout.cluster, layout.node) != node) return false;
           const auto told = reports_.find(key);
           if (told == reports_.end() || told->second.generation < layout.generation) return true;
           // Who is not through with it asks again in its own time.
           return told->second.state != "done" && told->second.state != "failed" && told->second.state != "dry-run";
         });
}

/// As it is told now.
std::string WantedLayouts::document(const Key& node) {
  std::vector<const store::WantedLayout*> layouts;
  for (const auto& [key, layout] : wanted_)
    if (Key(layout.cluster, layout.node) == node && is_told(node)) layouts.push_back(&layout);
  if (!prepared_.empty() && node.first == prepared_)
    in_force_[node] = layouts.empty() ? SteadyTime{} : std::chrono::steady_clock::now() + kLayoutLifetime;
  if (layouts.empty()) return {};
  first_told_.try_emplace(node, generation_);
  return json_text(
      layout_document(node.first, node.second, generation_, epoch_, layouts, now_epoch_ms(), kLayoutLifetime));
}

void WantedLayouts::answer(const Key& node) {
  const auto rest = std::ranges::partition(waiting_, [&](const Waiting& one) { return one.node != node; });
  for (const Waiting& one : rest) finish(*one.reply, document(node));
  waiting_.erase(rest.begin(), rest.end());
}

void WantedLayouts::answer_late(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto first = std::ranges::min_element(waiting_, {}, &Waiting::until);
    if (first == waiting_.end()) {
      changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
    } else if (const SteadyTime until = first->until; until > std::chrono::steady_clock::now()) {
      const std::uint64_t known = asked_;
      changed_.wait_until(lock, stop, until, [&] { return asked_ > known; });
    } else {
      // The document is told again in good time, so that it does not end while its node waits.
      finish(*first->reply, document(first->node));
      waiting_.erase(first);
    }
  }
}

}  // namespace tessera::server
