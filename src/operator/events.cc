#include "operator/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/text.h"
#include "operator/sources.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMostLeft = 25;
constexpr double kPerSecond = 1.0 / 60;
constexpr std::size_t kLongestMessage = 1'000;
constexpr const char* kHome = "default";  // of events about what has no namespace

}  // namespace

Json event_of(const Note& note, const Json& about, EpochMs now, unsigned serial) {
  constexpr std::size_t kSeconds = 19;  // of an RFC 3339 time
  const std::string time = format_time(now).substr(0, kSeconds) + "Z";
  const Json& metadata = about.at("metadata");
  const std::string name = metadata.at("name");
  return {{"apiVersion", "v1"},
          {"kind", "Event"},
          {"metadata", {{"name", fmt::format("{}.{:x}{:04x}", name, now, serial & 0xFFFFU)}, {"namespace", kHome}}},
          {"involvedObject",
           {{"apiVersion", kApiVersion}, {"kind", kKind}, {"name", name}, {"uid", metadata.value("uid", "")}}},
          {"type", note.warning ? "Warning" : "Normal"},
          {"reason", note.reason},
          {"message", valid_utf8(note.message.substr(0, kLongestMessage))},
          {"source", {{"component", kFieldManager}}},
          {"firstTimestamp", time},
          {"lastTimestamp", time},
          {"count", 1}};
}

bool Events::may_tell() {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (counted_) left_ += std::chrono::duration<double>(now - *counted_).count() * kPerSecond;
  counted_ = now;
  left_ = std::min(left_, kMostLeft);
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

void Events::tell(const Note& note, const Json& about, const std::stop_token& stop) {
  const std::string name = about.at("metadata").at("name");
  log::write(note.warning ? log::Level::Warn : log::Level::Info, note.message,
             {{"reason", note.reason}, {"gpumonitor", name}});
  if (!may_tell()) return;
  const auto reply =
      client_.create(path_of("v1", "events", kHome), event_of(note, about, now_epoch_ms(), serial_++), stop);
  if (!reply || !reply->ok())
    log::debug("event not written", {{"why", reply ? reply->trouble : reply.error().what}});
  else
    counts_.change([](Totals& totals) { ++totals.writes["event"]; });
}

}  // namespace tessera::operate
