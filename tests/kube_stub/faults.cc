#include "tests/kube_stub/faults.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;

template <class Fault>
void use_up(std::vector<Fault>& faults, typename std::vector<Fault>::iterator used) {
  if (--used->times == 0) faults.erase(used);
}

}  // namespace

Result<void> Faults::add(const Json& fault) try {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, value] : fault.items()) {
    if (key == "request") {
      RefusedRequest refused{value.value("at", "any"),  value.value("path", ""),  value.value("status", 500),
                             value.value("reason", ""), value.value("cause", ""), std::nullopt,
                             value.value("times", 1U)};
      if (value.contains("retry_after")) refused.retry_after = value.at("retry_after").get<int>();
      if (refused.times > 0) requests_.push_back(std::move(refused));
    } else if (key == "stream") {
      BrokenStream broken{value.at("do").get<std::string>(), value.value("after_bytes", std::size_t{0}),
                          value.value("times", 1U)};
      if (std::find(std::begin(kStreamFaults), std::end(kStreamFaults), broken.what) == std::end(kStreamFaults))
        return fail(Code::Invalid, "no such stream fault: {}", broken.what);
      if (broken.times > 0) streams_.push_back(std::move(broken));
    } else if (key == "slow") {
      slow_ = {value.value("bytes", std::size_t{0}), Milliseconds(value.value("ms", 0))};
    } else if (key == "token") {
      token_ = value.get<std::string>();
    } else if (key == "expire_continue") {
      expire_continue_ = value.get<unsigned>();
    } else {
      return fail(Code::Invalid, "no such fault: {}", key);
    }
  }
  return {};
} catch (const Json::exception& e) {
  return fail(Code::Invalid, "not a fault: {}", e.what());
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  streams_.clear();
  slow_ = {};
  token_.clear();
  expire_continue_ = 0;
}

std::size_t Faults::left() const {
  const std::lock_guard lock(mutex_);
  return requests_.size() + streams_.size() + expire_continue_;
}

std::optional<RefusedRequest> Faults::refuse(std::string_view at, std::string_view path, bool continued,
                                             std::string_view authorization) {
  const std::lock_guard lock(mutex_);
  if (!token_.empty() && authorization != "Bearer " + token_)
    return RefusedRequest{"any", "", 401, "Unauthorized", "", std::nullopt, 1};
  if (continued && expire_continue_ > 0) {
    --expire_continue_;
    return RefusedRequest{"list", "", 410, "Expired", "", std::nullopt, 1};
  }
  const auto found = std::find_if(requests_.begin(), requests_.end(), [&](const RefusedRequest& r) {
    return (r.at == "any" || r.at == at) && path.find(r.path) != std::string_view::npos;
  });
  if (found == requests_.end()) return std::nullopt;
  RefusedRequest refused = *found;
  use_up(requests_, found);
  return refused;
}

std::optional<BrokenStream> Faults::break_stream() {
  const std::lock_guard lock(mutex_);
  if (streams_.empty()) return std::nullopt;
  BrokenStream broken = streams_.front();
  use_up(streams_, streams_.begin());
  return broken;
}

Slow Faults::slow() const {
  const std::lock_guard lock(mutex_);
  return slow_;
}

}  // namespace tessera::kube_stub
