// Destinations, in both languages.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/text.h"
#include "relay/config_read.h"

namespace tessera::relay {
namespace {

constexpr std::uint32_t kMaxShards = 64;
constexpr std::size_t kMaxName = 100;
constexpr std::uint64_t kLeastShare = 256U
                                      << 10U;  // of queue.max_bytes for a shard: some requests, of many series each

constexpr struct {
  std::string_view name;
  Protocol protocol;
} kMessages[] = {{"prometheus.WriteRequest", Protocol::V1}, {"io.prometheus.write.v2.Request", Protocol::V2}};

constexpr struct {
  std::string_view name;
  Protocol protocol;
} kVersions[] = {{"1", Protocol::V1}, {"2", Protocol::V2}, {"auto", Protocol::Auto}};

const std::vector<Foreign>& destination_foreign() {
  using enum Foreign::Treatment;
  static const std::vector<Foreign> kForeign = [] {
    std::vector<Foreign> rows = {
        {"send_native_histograms", RefusedOn, "native histograms are neither scraped nor sent"},
        {"round_robin_dns", RefusedOn, "a connection is made to the first address that answers"},
        {"write_relabelings", Refused, "write writeRelabelConfigs"},
    };
    rows.insert(rows.end(), http_foreign().begin(), http_foreign().end());
    return rows;
  }();
  return kForeign;
}

/// 64-bit FNV-1a: short, and the same at every start, which a queue's folder needs.
std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/// "receiver.example-1f2e3d4c" of "https://receiver.example/api/v1/write".
std::string name_from(std::string_view url) {
  const auto begin = url.find("://") + 3;
  std::string out(url.substr(begin, url.find_first_of("/?#", begin) - begin));
  for (char& c : out)
    if (!is_name_char(c)) c = '-';
  return fmt::format("{}-{:08x}", out.substr(0, kMaxName - 9), stable_hash(url) & 0xFFFFFFFFU);
}

Result<void> read_headers(const Section& section, std::vector<Header>& into) {
  const auto node = section.find("headers");
  if (!node) return {};
  if (!node->is_map()) return node->error("expected a map of headers");
  const auto entries = TRY(node->entries());
  for (const auto& [name, value] : entries) into.push_back(TRY(read_header(section, name, value)));
  return {};
}

Result<void> check_queue(const Section& section, const QueueSettings& queue) {
  if (queue.shards > kMaxShards)
    return section.error("shards", fmt::format("expected a whole number from 1 to {}", kMaxShards));
  if (queue.min_backoff > queue.max_backoff)
    return section.node().error(fmt::format("the least wait of {} is longer than the longest of {}",
                                            format_duration(queue.min_backoff), format_duration(queue.max_backoff)));
  return {};
}

/// What both `queue_config` and the short language's `queue` say about sending.
const std::vector<std::string_view> kSendKeys = {"max_samples_per_send", "batch_send_deadline", "min_backoff",
                                                 "max_backoff",          "retry_on_http_429",   "sample_age_limit"};
const std::vector<std::string_view> kStoreKeys = {"dir", "max_bytes", "max_age", "shards"};

/// What is not in the queue yet is lost with the process: the queue gets it soon, however long sending might wait.
Result<void> read_batch_deadline(const Section& section, Milliseconds& into) {
  constexpr std::string_view kKey = "batch_send_deadline";
  const Milliseconds most = QueueSettings().batch_deadline;
  TRY(section.read_period(kKey, into));
  if (into <= most) return {};
  section.warn(
      kKey, fmt::format("taken as {}: samples that wait longer would be lost with the process", format_duration(most)));
  into = most;
  return {};
}

Result<void> read_sending(const Section& section, QueueSettings& into) {
  TRY(section.read_at_least_one("max_samples_per_send", into.max_samples_per_send));
  TRY(read_batch_deadline(section, into.batch_deadline));
  TRY(section.read_period("min_backoff", into.min_backoff));
  TRY(section.read_period("max_backoff", into.max_backoff));
  TRY(section.read("retry_on_http_429", into.retry_on_429));
  Milliseconds age{0};
  TRY(section.read("sample_age_limit", age));
  if (age.count() > 0) into.sample_age_limit = age;
  return check_queue(section, into);
}

Result<void> read_storing(const Section& section, QueueSettings& into) {
  TRY(section.read_path("dir", into.dir));
  std::optional<std::uint64_t> bytes = into.max_bytes;
  TRY(section.read_bytes("max_bytes", bytes));
  if (!bytes || *bytes < (1U << 20U)) return section.error("max_bytes", "expected a size of at least 1MB");
  into.max_bytes = *bytes;
  TRY(section.read_period("max_age", into.max_age));
  TRY(section.read_at_least_one("shards", into.shards));
  return check_queue(section, into);
}

Result<void> read_queue_config(const Section& section, QueueSettings& into) {
  std::vector<std::string_view> known = {"max_shards", "min_shards"};
  known.insert(known.end(), kSendKeys.begin(), kSendKeys.end());
  TRY(section.only(known, {{"capacity", Foreign::Treatment::Ineffective,
                            "the queue is on disk and bounded by queue.max_bytes and queue.max_age"}}));
  std::uint32_t least = 1, most = kMaxShards;
  TRY(section.read_at_least_one("min_shards", least));
  TRY(section.read_at_least_one("max_shards", most));
  if (least > most) return section.error("min_shards", "is above max_shards");
  into.shards = std::clamp(into.shards, std::min(least, kMaxShards), std::min(most, kMaxShards));
  return read_sending(section, into);
}

/// In a smaller share no request would fit, or each would push out the one before.
Result<void> check_shares(const Section& section, const QueueSettings& queue) {
  const std::uint64_t least = kLeastShare * queue.shards;
  if (queue.max_bytes >= least) return {};
  const auto megabytes = [](std::uint64_t bytes) { return (bytes + (1U << 20U) - 1) >> 20U; };
  return section.error(
      "max_bytes", fmt::format("{} KiB for each of {} shards is too little for their requests: give at least {}MB, or "
                               "have at most {} shards",
                               queue.max_bytes / queue.shards >> 10U, queue.shards, megabytes(least),
                               queue.max_bytes / kLeastShare));
}

Result<void> read_metadata(const Section& section, MetadataSettings& into) {
  TRY(section.only({"send", "send_interval", "max_samples_per_send"}));
  TRY(section.read("send", into.send));
  TRY(section.read_period("send_interval", into.interval));
  return section.read_at_least_one("max_samples_per_send", into.max_per_send);
}

Result<Protocol> read_protocol(const Section& section) {
  const auto version = section.node().find("protocolVersion");  // our own key, in both languages
  const auto message = section.find("protobuf_message");
  if (message) {
    const auto found = std::ranges::find(kMessages, TRY(message->word({kMessages[0].name, kMessages[1].name})),
                                         [](const auto& row) { return std::string(row.name); });
    if (version) return message->error("excludes protocolVersion");
    return Protocol{found->protocol};
  }
  if (!version || version->is_null()) return Protocol::Auto;
  const auto found = std::ranges::find(kVersions, TRY(version->word({"1", "2", "auto"})),
                                       [](const auto& row) { return std::string(row.name); });
  return Protocol{found->protocol};
}

Result<void> read_name(const Section& section, Destination& into) {
  TRY(section.read("name", into.name));
  if (into.name.empty()) into.name = name_from(into.url);
  if (into.name.size() > kMaxName || !std::ranges::all_of(into.name, is_name_char) || into.name.starts_with('.'))
    return section.error("name", "expected a name of letters, digits, '-', '_' and '.': a folder is named so");
  return {};
}

/// What both languages share, once the keys are known to be good.
Result<Destination> read_common(const Section& section) {
  Destination out;
  out.place = section.place();
  TRY(section.read_period("remote_timeout", out.timeout));
  out.http = TRY(read_http(section));
  TRY(read_headers(section, out.http.headers));
  out.relabel = TRY(read_rules(section, "write_relabel_configs"));
  out.protocol = TRY(read_protocol(section));
  TRY(section.read("send_exemplars", out.send_exemplars));
  if (const auto metadata = section.below("metadata_config")) TRY(read_metadata(*metadata, out.metadata));
  return out;
}

const std::vector<std::string_view> kCommonKeys = {"url",
                                                   "name",
                                                   "remote_timeout",
                                                   "headers",
                                                   "send_exemplars",
                                                   "metadata_config",
                                                   "protobuf_message",
                                                   "write_relabel_configs",
                                                   "protocolVersion",
                                                   "queue"};

Result<Destination> read_prometheus(const Section& section) {
  std::vector<std::string_view> known = kCommonKeys;
  known.push_back("queue_config");
  known.insert(known.end(), http_keys().begin(), http_keys().end());
  TRY(section.only(known, destination_foreign()));
  Destination out = TRY(read_common(section));
  if (const auto queue = section.below("queue_config")) TRY(read_queue_config(*queue, out.queue));
  if (const auto queue = section.below("queue")) {
    TRY(queue->only(kStoreKeys));
    TRY(read_storing(*queue, out.queue));
    TRY(check_shares(*queue, out.queue));
  }
  out.url = TRY(read_url(section, "url", out.http));
  TRY(read_name(section, out));
  return out;
}

Result<Destination> read_plain(const Section& section) {
  std::vector<std::string_view> known = kCommonKeys;
  known.insert(known.end(), {"auth", "tls"});
  known.insert(known.end(), http_keys().begin(), http_keys().end());
  TRY(section.only(known, destination_foreign()));
  Destination out = TRY(read_common(section));
  if (const auto auth = section.below("auth")) {
    if (!auth->node().is_map()) return auth->node().error("expected a map");  // a token in its place is not shown
    TRY(auth->only({"basic_auth", "authorization", "bearer_token", "bearer_token_file"}, http_foreign()));
    TRY(read_auth(*auth, out.http));
  }
  if (const auto tls = section.below("tls")) {
    if (section.has("tls_config")) return section.error("tls", "excludes tlsConfig");
    out.http.tls = TRY(read_tls(*tls));
  }
  if (const auto queue = section.below("queue")) {
    std::vector<std::string_view> keys = kStoreKeys;
    keys.insert(keys.end(), kSendKeys.begin(), kSendKeys.end());
    TRY(queue->only(keys));
    TRY(read_storing(*queue, out.queue));
    TRY(read_sending(*queue, out.queue));
    TRY(check_shares(*queue, out.queue));
  }
  out.url = TRY(read_url(section, "url", out.http));
  TRY(read_name(section, out));
  return out;
}

/// What may be there once only.
class Taken {
 public:
  Result<void> take(const Section& section, const Destination& destination) {
    if (!names_.insert(destination.name).second)
      return section.error(
          section.has("name") ? "name" : "url",
          fmt::format("there is a destination '{}' already; give each a name of its own", destination.name));
    if (destination.queue.dir.empty()) return {};
    const Section queue = *section.below("queue");
    const Place place{section.reading().file, queue.find("dir")->line()};
    const auto folder = std::filesystem::path(destination.queue.dir).lexically_normal() / "";
    const auto [before, is_first] = folders_.emplace(folder.lexically_normal().string(), place);
    if (is_first) return {};
    return queue.error("dir", fmt::format("this folder is the queue of another destination already, at {}; give each "
                                          "a folder of its own",
                                          shown(before->second)));
  }

 private:
  std::set<std::string> names_;
  std::map<std::string, Place> folders_;
};

}  // namespace

std::vector<Destination> read_destinations(const Section& prometheus, const Section& plain) {
  std::vector<Destination> out;
  Taken taken;
  const auto add = [&](auto* read_one) {
    return [&, read_one](const Section& item) -> Result<void> {
      out.push_back(TRY(read_one(item)));
      return taken.take(item, out.back());
    };
  };
  prometheus.read_each("remote_write", add(read_prometheus));
  plain.read_each("remote_write", add(read_plain));
  return out;
}

}  // namespace tessera::relay
