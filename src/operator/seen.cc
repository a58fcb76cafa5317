#include "operator/seen.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/log.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

/// Objects of a list do not say what they are.
std::optional<Json> read(const Source& source, const kube::Event& event) {
  Json object = Json::parse(event.json, nullptr, false);
  if (!object.is_object()) {
    log::warn("an object of the API server cannot be read: it is left out",
              {{"kind", source.kind}, {"object", event.key}});
    return std::nullopt;
  }
  object["apiVersion"] = source.api_version;
  object["kind"] = source.kind;
  return source.keep ? source.keep(object) : std::optional(std::move(object));
}

}  // namespace

void Seen::note(const Source& source, const kube::Event& event) {
  using Type = kube::Event::Type;
  const bool there = event.type == Type::Added || event.type == Type::Modified;
  auto object = there ? read(source, event) : std::nullopt;
  const std::lock_guard lock(mutex_);
  Objects& known = objects_[source.called];
  if (event.type == Type::Synced) {
    if (std::exchange(synced_[source.called], true)) return;
  } else if (object) {
    Object& place = known[event.key];
    if (place && *place == *object) return;  // of what is kept nothing has changed
    place = std::make_shared<const Json>(*std::move(object));
  } else if (known.erase(event.key) == 0) {
    return;
  }
  news_ = true;
  changed_.notify_all();
}

Seen::Snapshot Seen::snapshot() const {
  const std::lock_guard lock(mutex_);
  Snapshot out;
  for (const auto& [kind, objects] : objects_)
    if (const auto synced = synced_.find(kind); synced != synced_.end() && synced->second) out[kind] = objects;
  return out;
}

void Seen::poke() {
  const std::lock_guard lock(mutex_);
  news_ = true;
  changed_.notify_all();
}

void Seen::wait(SteadyTime until, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, stop, until, [&] { return news_; });
  news_ = false;
}

}  // namespace tessera::operate
