#include "server/wanted_layouts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api_json.h"
#include "server/wanted_layouts_json.h"

namespace tessera::server {
namespace {

constexpr std::size_t kLongestDocument = 1U << 20U;
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

WantedLayouts::WantedLayouts(std::int64_t epoch, std::vector<store::WantedLayout> known, std::int64_t last_generation)
    : epoch_(std::max<std::int64_t>(epoch, 1)), generation_(last_generation) {
  for (store::WantedLayout& one : known) {
    Key key{one.cluster, one.device_uuid};
    generation_ = std::max(generation_, one.generation);
    wanted_.insert_or_assign(std::move(key), std::move(one));
  }
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
  if (layout.generation < generation_) return;
  generation_ = layout.generation;
  wanted_.insert_or_assign(std::move(key), std::move(layout));
  answer(node);
}

void WantedLayouts::forget(std::string_view cluster, std::string_view device_uuid) {
  const std::lock_guard lock(mutex_);
  const auto found = wanted_.find(Key(cluster, device_uuid));
  if (found == wanted_.end()) return;
  const Key node{found->second.cluster, found->second.node};
  reports_.erase(found->first);
  wanted_.erase(found);
  answer(node);
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

http::Response WantedLayouts::ask(const std::string& cluster, const std::string& node,
                                  std::vector<LayoutReport> reports, Milliseconds wait) {
  const Key key{cluster, node};
  const std::lock_guard lock(mutex_);
  for (LayoutReport& one : reports)
    if (const auto found = wanted_.find(Key(cluster, one.device_uuid));
        found != wanted_.end() && found->second.node == node)
      reports_.insert_or_assign(found->first, std::move(one));
  make_room(key);
  if (is_news(key) || wait <= Milliseconds(0) || waiting_.size() >= kMostWaiting) return of_text(document(key));
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
  return std::ranges::any_of(wanted_, [&](const auto& one) {
    const auto& [key, layout] = one;
    if (Key(layout.cluster, layout.node) != node) return false;
    const auto told = reports_.find(key);
    if (told == reports_.end() || told->second.generation < layout.generation) return true;
    // Who is not through with it asks again in its own time.
    return told->second.state != "done" && told->second.state != "failed" && told->second.state != "dry-run";
  });
}

std::string WantedLayouts::document(const Key& node) const {
  std::vector<const store::WantedLayout*> layouts;
  for (const auto& [key, layout] : wanted_)
    if (Key(layout.cluster, layout.node) == node) layouts.push_back(&layout);
  if (layouts.empty()) return {};
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
