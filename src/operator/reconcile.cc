#include "operator/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/log.h"
#include "operator/sources.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::ordered_json;

constexpr Milliseconds kIdle = 10min;
constexpr Milliseconds kEcho = 2s;  // within which a watch tells of a write
constexpr Milliseconds kFirstAway = 500ms, kLongestAway = 30s;

std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
std::string uid_of(const Json& resource) { return text_at(resource.at("metadata"), "uid"); }
std::string path_of(const Json& resource) {
  return operate::path_of(kApiVersion, "gpumonitors") + '/' + text_at(resource.at("metadata"), "name");
}
std::vector<std::string> finalizers(const Json& resource) {
  return resource.at("metadata").value("finalizers", std::vector<std::string>());
}
bool is_going(const Json& resource) { return resource.at("metadata").contains("deletionTimestamp"); }
std::int64_t generation_of(const Json& resource) {
  return resource.at("metadata").value("generation", std::int64_t{0});
}

/// As a file would have it: without what the API server has added. The place of an error is its path alone, for nobody
/// sees the lines of an object.
Result<GpuMonitor> read(const Json& resource) {
  Json plain = resource;
  plain.erase("status");
  plain["metadata"].erase("managedFields");
  plain["metadata"].erase("annotations");
  auto monitor = parse_gpu_monitor(plain.dump(-1, ' ', false, Json::error_handler_t::replace), "");
  if (monitor) return monitor;
  Error error = monitor.error();
  if (const auto place = error.what.find(": "); error.what.starts_with(':') && place != std::string::npos)
    error.what = error.what.substr(place + 2);
  return error;
}

/// Those that were there before, or are made by somebody else.
std::set<std::string> foreign_namespaces(const Seen::Snapshot& seen, const GpuMonitor& monitor) {
  std::set<std::string> out;
  for (const auto& [name, object] : seen.at("Namespace")) {
    const Json labels = object->at("metadata").value("labels", Json::object());
    const auto ours = inventory_labels(monitor);
    if (!std::ranges::all_of(ours, [&](const auto& one) { return labels.value(one.first, "") == one.second; }))
      out.insert(name);
  }
  return out;
}

/// The features that have just begun to fail, or all of it to work.
std::vector<Note> transitions(const std::vector<Condition>& conditions, const Json& before) {
  std::vector<Note> out;
  const bool alone =
      conditions.size() == 3;  // from stopped(): messages without numbers, and no feature that tells more
  for (const Condition& now : conditions) {
    bool same = false;
    for (const Json& old : before.value("conditions", Json::array()))
      same = same || (text_at(old, "type") == now.type && text_at(old, "status") == now.status &&
                      text_at(old, "reason") == now.reason && (!alone || text_at(old, "message") == now.message));
    if (same || now.type == "Progressing" || now.type == "Degraded") continue;
    if (now.type == "Ready" && now.status == "True") out.push_back({false, "Ready", now.message});
    if (now.status == "False" && now.reason != "RollingOut" && now.reason != "Applying" &&
        (now.type != "Ready" || alone))
      out.push_back({true, now.reason, fmt::format("{}: {}", now.type, now.message)});
  }
  return out;
}

}  // namespace

const Json* served(const Seen::Objects& monitors) {
  const Json* oldest = nullptr;
  const auto rank = [](const Json& one) {
    return std::tuple(text_at(one.at("metadata"), "creationTimestamp"), text_at(one.at("metadata"), "name"));
  };
  for (const auto& [name, one] : monitors)
    if (!oldest || rank(*one) < rank(*oldest)) oldest = one.get();
  return oldest;
}

Reconciler::Reconciler(ReconcilerParts parts)
    : parts_(std::move(parts)),
      client_(parts_.server, parts_.counts),
      applier_(client_, parts_.counts, parts_.may_write),
      events_(client_, parts_.counts),
      targets_(parts_.server, [this] { parts_.seen.poke(); }) {}

SteadyTime Reconciler::pass(const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  const Due idle = began + kIdle;
  const auto seen = parts_.seen.snapshot();
  const auto monitors = seen.find(std::string(kKind));
  if (monitors == seen.end() || !parts_.may_write()) return idle;
  const Json* const chosen = served(monitors->second);
  if (!chosen || is_going(*chosen)) targets_.set({});
  Due due = idle;
  for (const auto& [name, one] : monitors->second) {
    if (one.get() == chosen) continue;
    if (is_going(*one)) {  // it may have been served before an older one came, and have our finalizer
      due = std::min(due, clean(*one, seen, stop));
      continue;
    }
    due = std::min(
        due, tell(*one,
                  stopped("AnotherIsServed", fmt::format("one GpuMonitor is served in a cluster, the oldest: '{}'",
                                                         text_at(chosen->at("metadata"), "name"))),
                  stop));
  }
  if (chosen) due = std::min(due, is_going(*chosen) ? clean(*chosen, seen, stop) : serve(*chosen, seen, stop));
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  parts_.counts.change([&](Totals& totals) {
    ++totals.reconciles[away_ == 0 ? "good" : "failed"];
    totals.reconcile_seconds += took;
  });
  return due;
}

/// Where it is not known yet what there is: when to look again. A watch that fails is told under `reason`.
std::optional<SteadyTime> Reconciler::unread(const Json& resource, const Seen::Snapshot& seen, const char* reason,
                                             const std::stop_token& stop) {
  constexpr Milliseconds kLook = 1s;
  for (const Source& source : sources(parts_.facts)) {
    if (seen.contains(source.called) || source.kind == "Pod" || source.kind == "Event") continue;
    const auto stats = parts_.watches();
    const auto known = stats.find(source.called);
    if (known != stats.end() && !known->second.last_error.empty())
      tell(resource, stopped(reason, known->second.last_error), stop);
    return std::chrono::steady_clock::now() + kLook;
  }
  return std::nullopt;
}

SteadyTime Reconciler::serve(const Json& resource, const Seen::Snapshot& seen, const std::stop_token& stop) {
  if (const auto later = unread(resource, seen, "CannotRead", stop)) return *later;
  const auto monitor = read(resource);
  if (!monitor) return tell(resource, stopped("InvalidSpec", monitor.error().what), stop);
  Facts facts = parts_.facts;
  facts.foreign_namespaces = foreign_namespaces(seen, *monitor);
  const Serving serving = serving_.look(*monitor, seen, now_epoch_ms());
  facts.authorities = serving.authorities;
  Plan plan = make_plan(*monitor, facts);
  plan.certificate = serving.certificate;
  // What asks for nothing may go at once: helm's hook does, and by then nobody may be left who would let it.
  const bool asks = !plan.objects.empty() || !plan.secrets.empty();
  if (asks && !own(resource, stop)) return std::chrono::steady_clock::now() + kEcho;
  for (Json& object : plan.objects) object = with_hash(std::move(object));
  const Progress progress = applier_.apply(*monitor, facts, plan, seen, stop);
  targets_.set(monitor->spec);
  const Due due = finish(resource, progress, stop);
  if (progress.away) return due;
  parts_.counts.change([&](Totals& totals) { totals.certificate_expiry = serving.expiry; });
  const Outcome outcome{plan, seen, progress.troubles, progress.waiting, targets_.matches(), serving.condition};
  return std::min(due, tell(resource, conditions_of(outcome), stop));
}

/// Puts our finalizer on, before anything is made. Whether it is there.
bool Reconciler::own(const Json& resource, const std::stop_token& stop) {
  auto list = finalizers(resource);
  if (std::ranges::count(list, kFinalizer) > 0) return true;
  const std::string uid = uid_of(resource);
  const auto patched = patched_.find(uid);
  const Due now = std::chrono::steady_clock::now();
  if (patched != patched_.end() && now < patched->second + kEcho) return false;
  list.emplace_back(kFinalizer);
  // With the version: who deletes or changes it meanwhile is first.
  const auto reply = client_.merge(
      path_of(resource), {{"metadata", {{"resourceVersion", version_of(resource)}, {"finalizers", list}}}}, stop);
  patched_[uid] = now;
  if (!reply)
    away(reply.error());
  else if (!reply->ok() && reply->status.code != 409)
    tell(resource, stopped("NotOwned", reply->trouble), stop);
  return false;
}

SteadyTime Reconciler::clean(const Json& resource, const Seen::Snapshot& seen, const std::stop_token& stop) {
  const Due now = std::chrono::steady_clock::now();
  auto list = finalizers(resource);
  if (std::ranges::count(list, kFinalizer) == 0) return now + kIdle;
  if (const auto later = unread(resource, seen, "CannotClean", stop)) return *later;
  GpuMonitor monitor;  // a spec that cannot be read has its objects all the same
  monitor.name = text_at(resource.at("metadata"), "name");
  monitor.uid = uid_of(resource);
  const Progress progress = applier_.clean(monitor, parts_.facts, seen, stop);
  const Due due = finish(resource, progress, stop);
  if (progress.away) return due;
  if (!progress.troubles.empty()) {
    const auto& [key, why] = *progress.troubles.begin();
    return std::min(due,
                    tell(resource, stopped("CannotClean", fmt::format("{} {}: {}", key.kind, key.name, why)), stop));
  }
  if (progress.waiting > 0) return due;
  const auto patched = patched_.find(monitor.uid);
  if (patched != patched_.end() && now < patched->second + kEcho) return patched->second + kEcho;
  std::erase(list, kFinalizer);
  const auto reply = client_.merge(
      path_of(resource), {{"metadata", {{"resourceVersion", version_of(resource)}, {"finalizers", list}}}}, stop);
  patched_[monitor.uid] = now;
  if (!reply) return away(reply.error());
  if (reply->ok()) log::info("all that was made for it is deleted", {{"gpumonitor", monitor.name}});
  return now + kEcho;
}

/// Tells what was done; when the next try is due.
SteadyTime Reconciler::finish(const Json& resource, const Progress& progress, const std::stop_token& stop) {
  for (const Note& note : progress.notes) events_.tell(note, resource, stop);
  parts_.counts.change([&](Totals& totals) {
    totals.waiting = progress.waiting;
    totals.fought = progress.fought;
  });
  if (progress.away && !parts_.may_write()) return SteadyTime::max();  // another replica leads, or the end has come
  if (progress.away) return away(*progress.away);
  answered();
  return progress.due;
}

/// Nothing else can be done meanwhile: ever longer pauses, whichever object it was.
SteadyTime Reconciler::away(const Error& error) {
  if (away_++ == 0) log::warn("the API server does not answer: trying again", {{"why", error.what}});
  constexpr unsigned kMost = 10;
  return std::chrono::steady_clock::now() +
         std::min<Milliseconds>(kFirstAway * (1LL << std::min(away_, kMost)), kLongestAway);
}

void Reconciler::answered() {
  if (std::exchange(away_, 0) > 0) log::info("the API server answers again");
}

/// Writes the status where it says something else than it shall.
SteadyTime Reconciler::tell(const Json& resource, const std::vector<Condition>& conditions,
                            const std::stop_token& stop) {
  const Due now = std::chrono::steady_clock::now(), idle = now + kIdle;
  const std::string uid = uid_of(resource);
  const auto written = status_written_.find(uid);
  const bool lately = written != status_written_.end() && now < written->second + kEcho;
  // What we have just written is not told by the watch yet.
  const Json before = lately ? *status_sent_[uid] : resource.value("status", Json::object());
  const Json status = status_of(conditions, generation_of(resource), before, now_epoch_ms());
  parts_.counts.change([&](Totals& totals) {
    totals.conditions.clear();
    for (const Condition& one : conditions) totals.conditions[one.type] = one.status;
  });
  const auto due =
      status_due(status, before, written == status_written_.end() ? std::nullopt : std::optional(written->second));
  if (!due) return idle;
  if (now < *due) return *due;
  if (!parts_.may_write()) return idle;
  const auto reply = client_.merge(path_of(resource) + "/status", {{"status", status}}, stop);
  if (!reply) return away(reply.error());
  answered();
  status_written_[uid] = now;
  status_sent_[uid] = std::make_shared<const Json>(reply->ok() ? status : before);
  constexpr Milliseconds kRetry = 10s;
  if (!reply->ok()) {
    log::warn("status not written: trying again", {{"why", reply->trouble}});
    return now + kRetry;
  }
  parts_.counts.change([](Totals& totals) { ++totals.writes["status"]; });
  for (const Note& note : transitions(conditions, before)) events_.tell(note, resource, stop);
  return idle;
}

}  // namespace tessera::operate
