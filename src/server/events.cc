#include "server/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/text.h"
#include "fleet/cost/money.h"
#include "gpu/models.h"
#include "server/access/viewer.h"
#include "server/api_json.h"
#include "server/api_rows.h"

namespace tessera::server {
namespace {
using Clock = std::chrono::steady_clock;

const std::vector<std::string_view>& kind_names() {
  static const auto kNames = names_of(fleet::change_name, fleet::kChangeKinds);
  return kNames;
}

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

bool EventFilter::wants(const fleet::Change& change) const {
  const auto one_of_ours = [&](const std::string& space) { return is_any(spaces, space); };
  const auto is_seen = [&](const std::string& space) { return seen->contains(space); };
  if (seen && (change.kind == fleet::ChangeKind::LayoutChanged || std::ranges::none_of(change.spaces, is_seen)))
    return false;
  return is_one(kinds, change.kind) && (!cluster || *cluster == change.cluster) && is_any(nodes, change.node) &&
         (devices.empty() || is_any(devices, change.device_id) || is_any(devices, change.uuid)) &&
         (spaces.empty() || std::ranges::any_of(change.spaces, one_of_ours));
}

EventFilter read_event_filter(Query& query) {
  EventFilter out;
  out.kinds = query.words("type", kind_names());
  out.cluster = query.text("cluster");
  out.nodes = query.texts("nodeName");
  out.devices = query.texts("deviceId");
  out.spaces = query.texts("namespace");
  return out;
}

namespace {

Json cost_json(const std::optional<fleet::HourlyCost>& of) {
  if (!of) return nullptr;
  return {{"currency", of->currency},
          {"perHour", fleet::decimal(of->all)},
          {"allocated", fleet::decimal(of->allocated)},
          {"unallocated", fleet::decimal(of->unallocated)},
          {"unobserved", fleet::decimal(of->unobserved)},
          {"overhead", fleet::decimal(of->overhead)}};
}

Json alert_json(const fleet::AlertWord* of) {
  if (!of) return nullptr;
  Json labels = Json::object();
  for (const auto& [name, value] : of->labels) labels[name] = value;
  return {
      {"name", of->name},   {"severity", of->severity},      {"summary", of->summary}, {"labels", std::move(labels)},
      {"value", of->value}, {"fired", time_json(of->fired)}, {"told", of->told}};
}

}  // namespace

std::string event_json(const fleet::Change& change) {
  const fleet::Workload none;
  const fleet::Workload& of = change.workload ? *change.workload : none;
  Json instance = nullptr;
  if (change.part && change.part->gpu_instance)
    instance = {{"gi", *change.part->gpu_instance},
                {"ci", or_null(change.part->compute_instance)},
                {"profile", text_or_null(change.profile)}};
  const Json out{{"type", fleet::change_name(change.kind)},
                 {"time", time_json(change.time)},
                 {"cluster", change.cluster},
                 {"node", change.node},
                 {"deviceId", change.device_id},
                 {"deviceUuid", change.uuid},
                 {"modelKey", text_or_null(gpu::model_key(change.model).value_or(change.model))},
                 {"from", text_or_null(change.from)},
                 {"to", text_or_null(change.to)},
                 {"instance", instance},
                 {"namespace", text_or_null(of.space)},
                 {"pod", text_or_null(of.pod)},
                 {"podUid", text_or_null(of.pod_uid)},
                 {"container", text_or_null(of.container)},
                 {"pid", change.pid == 0 ? Json(nullptr) : Json(change.pid)},
                 {"command", text_or_null(change.command)},
                 {"resource", text_or_null(change.resource)},
                 {"cost", cost_json(change.cost)},
                 {"alert", alert_json(change.alert.get())}};
  return json_text(out);
}

Events::Events(const Latest<Published>& fleet, std::function<bool()> started, EventLimits limits, More more)
    : fleet_(fleet),
      started_(std::move(started)),
      limits_(limits),
      more_(std::move(more)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Events::~Events() {
  thread_.request_stop();
  const std::lock_guard lock(mutex_);
  for (const Client& client : clients_) client.stream->close();
}

void Events::run(const std::stop_token& stop) {
  std::shared_ptr<const fleet::View> before;
  auto beat_at = Clock::now() + limits_.heartbeat;
  every(limits_.look_every, stop, [&] {
    const auto published = started_() ? fleet_.get() : nullptr;
    // What was there before the start is no news.
    if (published && published->view && published->view != before) {
      if (before) publish(fleet::changes_between(*before, *published->view));
      publish(more_());
      before = published->view;
    }
    if (Clock::now() < beat_at) return;
    beat();
    beat_at = Clock::now() + limits_.heartbeat;
  });
}

void Events::publish(const std::vector<fleet::Change>& changes) {
  if (changes.empty()) return;
  const std::lock_guard lock(mutex_);
  std::vector<http::Stream::Piece> frames;
  for (const fleet::Change& change : changes) frames.push_back(keep(change));
  // All at once: a fleet that changes in many places may not cut those who read.
  stats_.lost += std::erase_if(clients_, [&](const Client& client) {
    std::vector<http::Stream::Piece> wanted;
    for (std::size_t i = 0; i < changes.size(); ++i)
      if (client.filter.wants(changes[i])) wanted.push_back(frames[i]);
    return !wanted.empty() && !client.stream->send(wanted);
  });
}

http::Stream::Piece Events::keep(const fleet::Change& change) {
  Event event{++last_, change, nullptr};
  event.frame = shared(fmt::format("id: {}\nevent: {}\ndata: {}\n\n", ids_.of(event.number),
                                   fleet::change_name(change.kind), event_json(change)));
  ++stats_.events[static_cast<std::size_t>(change.kind)];
  kept_bytes_ += event.frame->size();
  kept_.push_back(event);
  while (kept_.size() > limits_.kept || kept_bytes_ > limits_.kept_bytes) {
    kept_bytes_ -= kept_.front().frame->size();
    kept_.pop_front();
  }
  return event.frame;
}

void Events::beat() {
  static const auto kBeat = shared(":\n\n");
  const std::lock_guard lock(mutex_);
  stats_.lost += std::erase_if(clients_, [](const Client& client) {
    if (client.admitted()) return !client.stream->send(kBeat);
    client.stream->close();
    return true;
  });
}

std::optional<std::uint64_t> Events::number_of(std::string_view id) const {
  const auto number = ids_.number(id);
  return number && *number <= last_ ? number : std::nullopt;
}

std::string Events::greeting(const http::Request& request, const EventFilter& filter,
                             std::vector<http::Stream::Piece>& missed) const {
  std::string out = "retry: 2000\n\n";
  const std::string_view seen = request.header("Last-Event-ID");
  if (!seen.empty()) {
    const auto number = number_of(seen);
    const std::uint64_t oldest = kept_.empty() ? last_ + 1 : kept_.front().number;
    if (!number || *number + 1 < oldest)
      out += fmt::format("event: gap\ndata: {}\n\n",
                         Json({{"lastEventId", valid_utf8(seen.substr(0, 100))},
                               {"detail", "some of what happened since is not kept any more: read the lists again"}})
                             .dump());
    for (const Event& event : kept_)
      if ((!number || event.number > *number) && filter.wants(event.change)) missed.push_back(event.frame);
  }
  // Also who has had no event yet shall have an id to come back with.
  if (missed.empty()) out += fmt::format("id: {}\nevent: ready\ndata: {{}}\n\n", ids_.of(last_));
  return out;
}

http::Response Events::subscribe(const http::Request& request, std::function<bool()> admitted) {
  Query query(request);
  EventFilter filter = read_event_filter(query);
  filter.seen = viewer_of(request).spaces;
  if (!query.finish()) return reply(*query.problem(), request);
  http::Response out;
  out.content_type = "text/event-stream";
  out.headers = {{"X-Request-Id", request_id(request)}, {"X-Accel-Buffering", "no"}};
  if (request.method == "HEAD") return out;
  const std::lock_guard lock(mutex_);
  if (clients_.size() >= limits_.clients) {
    ++stats_.refused;
    return reply({503, "busy", fmt::format("{} clients follow the events already", clients_.size())}, request);
  }
  std::vector<http::Stream::Piece> missed;
  const auto first = shared(greeting(request, filter, missed));
  std::size_t bytes = first->size();
  for (const auto& frame : missed) bytes += frame->size();
  out.stream = std::make_shared<http::Stream>(bytes + limits_.client_bytes);
  out.stream->send(first);
  out.stream->send(missed);
  clients_.push_back({std::move(filter), out.stream, std::move(admitted)});
  return out;
}

EventStats Events::stats() const {
  const std::lock_guard lock(mutex_);
  EventStats out = stats_;
  out.clients = clients_.size();
  return out;
}

}  // namespace tessera::server
