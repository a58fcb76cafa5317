#include "server/admission/gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/every.h"
#include "base/log.h"
#include "server/admission/asking.h"
#include "server/admission/labels.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using What = GateStep::What;

constexpr Milliseconds kDeadline = 10s;
constexpr std::size_t kMaxBytes = 4U << 20U;  // a pod has 1.5 MB at most
constexpr std::size_t kLongestEventStem = 200;

std::string key_of(const GateStep& step) { return fmt::format("{}/{} {}", step.space, step.pod, step.uid); }

std::string path_of(const GateStep& step) { return fmt::format("/api/v1/namespaces/{}/pods/{}", step.space, step.pod); }

Json event_of(const GateStep& step, EpochMs now, unsigned serial) {
  constexpr std::size_t kSeconds = 19;  // of an RFC 3339 time
  const std::string time = format_time(now).substr(0, kSeconds) + "Z";
  const bool waits = step.what == What::Tell;
  return {{"apiVersion", "v1"},
          {"kind", "Event"},
          {"metadata",
           {{"name", fmt::format("{}.{:x}{:04x}", step.pod.substr(0, kLongestEventStem), now, serial & 0xFFFFU)},
            {"namespace", step.space}}},
          {"involvedObject",
           {{"apiVersion", "v1"}, {"kind", "Pod"}, {"namespace", step.space}, {"name", step.pod}, {"uid", step.uid}}},
          {"type", step.warning ? "Warning" : "Normal"},
          {"reason", waits ? "GpuAllocationWaits" : "GpuAllocated"},
          {"message", step.note},
          {"source", {{"component", "tessera-server"}}},
          {"firstTimestamp", time},
          {"lastTimestamp", time},
          {"count", 1}};
}

Milliseconds backoff(unsigned failures, const GateOptions& options) {
  constexpr unsigned kDoublings = 10;
  return std::min(options.most_backoff, options.first_backoff * (1U << std::min(failures, kDoublings)));
}

}  // namespace

Gates::Gates(kube::ApiServer server, const Latest<Published>& fleet, Allocations& allocations,
             std::function<bool()> may_act, AdmissionCounts& counts, GateOptions options)
    : api_(std::move(server)),
      fleet_(fleet),
      allocations_(allocations),
      may_act_(std::move(may_act)),
      counts_(counts),
      options_(options) {
  if (options_.look_every > Milliseconds(0))
    thread_ =
        std::jthread([this](const std::stop_token& stop) { every(options_.look_every, stop, [&] { look(stop); }); });
}

Gates::~Gates() = default;

/// As a stream, because that can be stopped.
Result<Gates::Reply> Gates::call(kube::ApiRequest request, const std::stop_token& stop) {
  request.deadline = request.stall_limit = kDeadline;
  std::string body;
  const auto reply = api_.stream(
      request,
      [&](std::string_view chunk) {
        body += chunk;
        return body.size() <= kMaxBytes;
      },
      stop);
  if (!reply) return reply.error();
  if (reply->status / 100 == 2) return Reply{{.code = reply->status}, std::move(body), {}};
  const auto status = kube::read_status(reply->status, reply->body, reply->header("retry-after"));
  return Reply{
      status,
      {},
      kube::refusal(status, api_.tried(request), kube::needed_right(request.method, request.path, false)).what};
}

void Gates::look(const std::stop_token& stop) {
  // What was asked for may be there at once.
  if (round(stop)) round(stop);
}

/// Whether an allocation was asked for.
bool Gates::round(const std::stop_token& stop) {
  const auto known = fleet_.get();
  if (!known || !known->view || !may_act_() || std::chrono::steady_clock::now() < not_before_) return false;
  const auto& pods = known->cluster->pods;
  counts_.waiting =
      static_cast<std::size_t>(std::ranges::count_if(pods, [](const auto& one) { return waits_at_gate(*one.second); }));
  const auto steps = gate_steps(*known->cluster, *allocations_.book(), known->view->time, options_.patience);
  std::set<std::string> keys;
  for (const GateStep& step : steps) keys.insert(key_of(step));
  std::erase_if(tried_, [&](const auto& one) { return !keys.contains(one.first); });
  bool asked = false;
  for (const GateStep& step : steps) {
    Tried& tried = tried_[key_of(step)];
    const SteadyTime now = std::chrono::steady_clock::now();
    // What was done is not done again, nor is what failed tried again, before its time; something else is.
    if (now < tried.until && (!tried.done || *tried.done == step)) continue;
    if (stop.stop_requested() || !may_act_()) return false;
    const Done done = take(step, *known, stop);
    if (done == Done::Stale) continue;
    if (done != Done::Yes) ++counts_.failures;
    if (done == Done::Away) {
      not_before_ = now + backoff(times_away_++, options_);
      tried.until = not_before_ + backoff(tried.failures++, options_);  // the others come first then
      return asked;
    }
    times_away_ = 0;
    if (done == Done::Again) {
      tried.done.reset();
      tried.until = now + backoff(tried.failures++, options_);
      continue;
    }
    // What was asked for shows at once, so one that has to ask again has lost what it had.
    const bool asks = step.what == What::Ask;
    tried = {step, now + (asks ? backoff(tried.asked, options_) : options_.echo), 0, tried.asked + (asks ? 1 : 0), {}};
    asked = asked || asks;
  }
  return asked;
}

Gates::Done Gates::take(const GateStep& step, const Published& known, const std::stop_token& stop) {
  switch (step.what) {
    case What::Ask:
      return ask(step, known, stop);
    case What::Tell:
      return tell(step, stop);
    case What::Open:
      break;
  }
  return open(step, known, stop);
}

void Gates::note_trouble(const GateStep& step, const std::string& what) {
  std::string& said = tried_[key_of(step)].trouble;
  if (said == what) return;
  said = what;
  log::warn("a pod waits at the gate for longer than it has to", {{"pod", step.space + '/' + step.pod}, {"why", what}});
}

Gates::Done Gates::ask(const GateStep& step, const Published& known, const std::stop_token& stop) {
  const fleet::ClusterPod& pod = *known.cluster->pods.at(fleet::pod_key(step.space, step.pod));
  auto wish = wish_of_pod(pod, *known.cluster);
  if (wish) wish->pod_uid = pod.uid;
  const Result<void> asked = wish ? ask_for(allocations_, *wish) : Result<void>(wish.error());
  if (asked) return Done::Yes;
  note_trouble(step, asked.error().what);
  if (asked.error().code == Code::Unavailable) return Done::Away;
  GateStep told = step;
  told.what = What::Tell;
  told.note = clipped("waiting: " + asked.error().what);
  told.warning = true;
  const auto note = pod.notes.find(std::string(kStateNote));
  if (note != pod.notes.end() && note->second == told.note) return Done::Again;
  return tell(told, stop) == Done::Away ? Done::Away : Done::Again;
}

/// What the API server's reply to a write means.
Gates::Done Gates::judge(const GateStep& step, const Result<Reply>& reply) {
  if (!reply) {
    note_trouble(step, reply.error().what);
    return Done::Away;
  }
  constexpr int kGone = 404, kConflict = 409, kTestFailed = 422, kTooMany = 429, kNotNow = 503;
  if (reply->trouble.empty() || reply->status.code == kGone) return Done::Yes;  // the watch will tell that it is gone
  // That somebody else has written the pod meanwhile is nothing to speak of, unless it goes on.
  const bool changed = reply->status.code == kConflict || reply->status.code == kTestFailed;
  if (!changed || tried_[key_of(step)].failures > 0) note_trouble(step, reply->trouble);
  return reply->status.code == kTooMany || reply->status.code == kNotNow ? Done::Away : Done::Again;
}

Gates::Done Gates::tell(const GateStep& step, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path = path_of(step);
  request.content_type = "application/merge-patch+json";
  // With its uid, so that another one of its name is refused.
  request.body =
      json_text(Json{{"metadata", {{"uid", step.uid}, {"annotations", {{std::string(kStateNote), step.note}}}}}});
  const auto reply = call(std::move(request), stop);
  const Done done = judge(step, reply);
  if (done == Done::Yes && reply->trouble.empty()) event(step, stop);
  return done;
}

/// A round may take minutes where the API server is slow, and where a pod was let go to cannot be undone.
bool Gates::still_so(const GateStep& step) const {
  const auto known = fleet_.get();
  const auto* pod = known->cluster->pod(known->cluster->cluster, step.space, step.pod);
  if (!pod || pod->uid != step.uid) return false;
  const auto next = step_of(*pod, *known->cluster, *allocations_.book(), known->view->time, options_.patience);
  return next && next->what == What::Open && next->node == step.node;
}

Gates::Done Gates::open(const GateStep& step, const Published& known, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.path = path_of(step);
  const auto pod = call(request, stop);
  if (const Done done = judge(step, pod); done != Done::Yes || !pod->trouble.empty()) return done;
  request.method = "PATCH";
  request.content_type = "application/json-patch+json";
  request.body = opening_patch(pod->body, name_for_affinity(*known.cluster, step.node), step.note);
  if (request.body.empty()) return Done::Yes;  // it has gone through
  if (!still_so(step)) return Done::Stale;
  const auto reply = call(std::move(request), stop);
  const Done done = judge(step, reply);
  if (done != Done::Yes || !reply->trouble.empty()) return done;
  ++counts_.opened;
  event(step, stop);
  return done;
}

/// One that is lost is not written again: the pod's note says the same.
void Gates::event(const GateStep& step, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.method = "POST";
  request.path = fmt::format("/api/v1/namespaces/{}/events", step.space);
  request.body = json_text(event_of(step, now_epoch_ms(), events_++));
  const auto reply = call(std::move(request), stop);
  if (!reply || !reply->trouble.empty())
    log::debug("event not written", {{"why", reply ? reply->trouble : reply.error().what}});
}

}  // namespace tessera::server
