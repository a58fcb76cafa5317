#include "server/advice/refusals.h"

#include <algorithm>
#include <cmath>

#include "fleet/cluster/cluster.h"
#include "kube/json_slice.h"
#include "kube/quantity.h"
#include "server/query.h"

namespace tessera::server {
namespace {

using kube::text_member;

constexpr std::size_t kMostMakers = 10'000;

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }

/// What stands behind `name` up to `end`, or to the end.
std::string_view behind(std::string_view text, std::string_view name, std::string_view end) {
  const auto from = text.find(name);
  if (from == std::string_view::npos) return {};
  const std::string_view rest = text.substr(from + name.size());
  return rest.substr(0, end.empty() ? rest.size() : rest.find(end));
}

/// "requests.nvidia.com/gpu=1", and nothing else.
std::optional<std::pair<std::string, std::int64_t>> only_gpus(std::string_view amounts) {
  constexpr std::string_view kRequests = "requests.";
  constexpr double kMost = 1e6;
  const auto equals = amounts.find('=');
  if (!amounts.starts_with(kRequests) || equals == std::string_view::npos ||
      amounts.find(',') != std::string_view::npos)
    return std::nullopt;
  std::string resource(amounts.substr(kRequests.size(), equals - kRequests.size()));
  const auto count = kube::parse_quantity(amounts.substr(equals + 1));
  if (!fleet::is_gpu_resource(resource) || !count || *count < 0 || *count > kMost) return std::nullopt;
  return std::pair(std::move(resource), std::int64_t{std::llround(*count)});
}

/// Of one that was told several times, the last.
EpochMs time_of(std::string_view json) {
  EpochMs out = 0;
  const std::string_view series = at(json, "series");
  for (const std::string& text :
       {text_member(series, "lastObservedTime"), text_member(json, "lastTimestamp"), text_member(json, "eventTime")})
    if (const auto time = parse_time(text)) out = std::max(out, *time);
  return out;
}

}  // namespace

std::optional<QuotaRefusal> read_refusal(std::string_view json) {
  constexpr std::string_view kExceeded = "exceeded quota: ";
  if (json.find(kExceeded) == std::string_view::npos) return std::nullopt;  // most events tell of something else
  const std::string message = text_member(json, "message");
  const auto requested = only_gpus(behind(message, ", requested: ", ", used: "));
  const auto limited = only_gpus(behind(message, ", limited: ", ""));
  const std::string_view maker = at(json, "involvedObject");
  QuotaRefusal out;
  out.quota = behind(message, kExceeded, ", requested: ");
  out.space = text_member(maker, "namespace");
  out.maker = text_member(maker, "kind") + '/' + text_member(maker, "name");
  out.at = time_of(json);
  if (!requested || !limited || requested->first != limited->first || out.quota.empty() || out.space.empty())
    return std::nullopt;
  out.resource = requested->first;
  out.requested = requested->second;
  out.limited = limited->second;
  return out;
}

RefusalWatch::RefusalWatch(kube::ApiServer server) {
  kube::WatchOptions watching;
  watching.path = "/api/v1/events";
  watching.field_selector = "reason=FailedCreate";
  watch_ = std::make_unique<kube::Watch>(std::move(server), watching, [this](const kube::Event& one) { take(one); });
}

RefusalWatch::~RefusalWatch() { watch_.reset(); }

void RefusalWatch::take(const kube::Event& event) {
  using Type = kube::Event::Type;
  // Events go by themselves, an hour after they have come.
  if (event.type != Type::Added && event.type != Type::Modified) return;
  auto one = read_refusal(event.json);
  if (!one) return;
  const std::lock_guard lock(mutex_);
  auto known = last_.find({one->space, one->maker});
  if (known == last_.end()) {
    if (last_.size() >= kMostMakers)
      last_.erase(std::ranges::min_element(last_, {}, [](const auto& each) { return each.second.at; }));
    known = last_.try_emplace({one->space, one->maker}).first;
  }
  if (one->at >= known->second.at) known->second = *std::move(one);
}

std::optional<std::vector<QuotaRefusal>> RefusalWatch::standing(EpochMs now) const {
  const auto stats = watch_->stats();
  if (!stats.synced || !stats.connected) return std::nullopt;
  std::vector<QuotaRefusal> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, one] : last_)
    if (now - one.at <= kRefusalStands.count()) out.push_back(one);
  return out;
}

}  // namespace tessera::server
