#include "tests/kube_stub/watch_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tests/kube_stub/answers.h"
#include "tests/kube_stub/selectors.h"
#include "tests/kube_stub/wire.h"

namespace tessera::kube_stub {
namespace {

constexpr Milliseconds kLook{100};  // for a peer that left, and for faults
constexpr Milliseconds kDefaultTime{1'800'000};

std::string value(const WatchRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

std::string line(std::string_view type, const Json& object) {
  return Json{{"type", type}, {"object", object}}.dump() + "\n";
}

/// What a watcher with this selector is told of a change; empty: nothing.
std::string line_of(const Change& change, const Selector& selector) {
  const bool before = change.before && selector.matches(*change.before);
  const bool now = change.now && selector.matches(*change.now);
  if (!before && !now) return "";
  return line(!now ? "DELETED" : before ? "MODIFIED" : "ADDED", *change.last);
}

class Stream {
 public:
  Stream(int fd, const WatchRequest& request, const Store& store, Faults& faults, Selector selector)
      : fd_(fd), request_(request), store_(store), faults_(faults), selector_(std::move(selector)) {
    const auto seconds = parse_int(value(request, "timeoutSeconds"));
    const auto now = std::chrono::steady_clock::now();
    end_ = now + (seconds && *seconds > 0 ? Milliseconds(*seconds * 1'000) : kDefaultTime);
    bookmark_ = now + request.bookmark_every;
    bookmarks_ = value(request, "allowWatchBookmarks") == "true" || value(request, "allowWatchBookmarks") == "1";
  }

  bool serve(const std::atomic<bool>& stop) {
    if (!send_all(fd_, stream_head(), {}) || !begin()) return false;
    std::uint64_t wakes = 0;
    while (!stop) {
      for (auto broken = faults_.break_stream(); broken; broken = faults_.break_stream())
        if (const auto over = apply(*broken)) return *over;
      const auto now = std::chrono::steady_clock::now();
      if (now >= end_) return (!bookmarks_ || tell_bookmark()) && finish();
      if (bookmarks_ && now >= bookmark_ && !tell_bookmark()) return false;
      if (peer_left(fd_)) return false;
      if (!store_.remembers(version_)) return tell_gone();
      const auto changes = store_.changes_after(version_, std::min({end_, bookmark_, now + kLook}), wakes);
      for (const auto& change : changes)
        if (!tell(change)) return false;
    }
    return false;
  }

 private:
  /// Version unset or 0: what there is comes first.
  bool begin() {
    const std::string from = value(request_, "resourceVersion");
    if (!from.empty() && from != "0") {
      version_ = static_cast<std::uint64_t>(parse_int(from).value_or(0));
      return store_.remembers(version_) || (tell_gone(), false);
    }
    const auto listing = store_.list(request_.target.resource, request_.target.space);
    version_ = listing.version;
    return std::all_of(listing.items.begin(), listing.items.end(), [&](const Object& object) {
      return !selector_.matches(*object) || send(line("ADDED", *object));
    });
  }

  bool tell(const Change& change) {
    version_ = change.version;
    if (change.resource != request_.target.resource.id()) return true;
    const std::string& space = request_.target.space;
    if (!space.empty() && change.last->at("metadata").value("namespace", "") != space) return true;
    const std::string text = line_of(change, selector_);
    return text.empty() || send(text);
  }

  bool tell_bookmark() {
    bookmark_ = std::chrono::steady_clock::now() + request_.bookmark_every;
    const auto& resource = request_.target.resource;
    return send(line("BOOKMARK", {{"kind", resource.kind},
                                  {"apiVersion", resource.api_version()},
                                  {"metadata", {{"resourceVersion", std::to_string(version_)}}}}));
  }

  bool tell_gone() {
    const auto gone = expired("too old resource version: " + std::to_string(version_));
    return send(line("ERROR", *gone.body)) && finish();
  }

  /// Whether the connection may go on, once the stream is over; none: the stream goes on.
  std::optional<bool> apply(const BrokenStream& broken) {
    const std::string half = R"({"type":"ADDED","object":{"metadata":{"name":"ha)";
    if (broken.what == "gone") return tell_gone();
    if (broken.what == "error")
      return send(line("ERROR", *status_answer(500, "InternalError", "etcd is away").body)) && finish();
    if (broken.what == "close") return finish();
    if (broken.what == "half_line") return send(half) && finish();
    if (broken.what == "cut_line") return send(half) && false;
    if (broken.what == "cut") {
      if (broken.after_bytes == 0) return false;
      bytes_left_ = broken.after_bytes;
      return std::nullopt;
    }
    if (!send("<html>the gateway says hello</html>\n")) return false;
    return std::nullopt;
  }

  bool send(const std::string& text) {
    const std::string chunk = as_chunk(text);
    if (!bytes_left_) return send_all(fd_, chunk, faults_.slow());
    const std::size_t some = std::min(*bytes_left_, chunk.size());
    *bytes_left_ -= some;
    return send_all(fd_, std::string_view(chunk).substr(0, some), faults_.slow()) && *bytes_left_ > 0;
  }

  bool finish() { return send_all(fd_, "0\r\n\r\n", {}); }

  int fd_;
  const WatchRequest& request_;
  const Store& store_;
  Faults& faults_;
  Selector selector_;
  std::uint64_t version_ = 0;
  SteadyTime end_, bookmark_;
  bool bookmarks_ = false;
  std::optional<std::size_t> bytes_left_;  // before the connection breaks
};

}  // namespace

std::optional<Answer> refuse_watch(const WatchRequest& request, const Store& store) {
  const auto selector = Selector::parse(value(request, "labelSelector"), value(request, "fieldSelector"));
  if (!selector) return status_answer(400, "BadRequest", selector.error().what);
  const std::string from = value(request, "resourceVersion");
  if (from.empty()) return std::nullopt;
  const auto version = parse_int(from);
  if (!version || *version < 0) return status_answer(400, "BadRequest", "Invalid value: \"" + from + "\"");
  if (static_cast<std::uint64_t>(*version) <= store.version()) return std::nullopt;
  Json status = *status_answer(504, "Timeout", "Too large resource version: " + from).body;
  status["details"] = {{"causes", {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}},
                       {"retryAfterSeconds", 1}};
  return Answer{504, std::make_shared<const Json>(std::move(status))};
}

bool serve_watch(int fd, const WatchRequest& request, const Store& store, Faults& faults,
                 const std::atomic<bool>& stop) {
  auto selector = Selector::parse(value(request, "labelSelector"), value(request, "fieldSelector"));
  if (!selector) return false;
  return Stream(fd, request, store, faults, *std::move(selector)).serve(stop);
}

}  // namespace tessera::kube_stub
