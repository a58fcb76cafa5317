#include "server/senders.h"

#include <algorithm>
#include <tuple>

namespace tessera::server {
namespace {

constexpr std::size_t kLongestAgent = 200;
constexpr std::size_t kLongestReason = 500;

}  // namespace

void Senders::took(const http::Request& request, std::size_t samples, std::size_t left_out,
                   std::optional<EpochMs> newest, EpochMs now) {
  const std::lock_guard lock(mutex_);
  Sender& sender = of(request, now);
  ++sender.requests;
  sender.samples += samples;
  sender.left_out += left_out;
  if (newest) sender.newest = newest;
}

void Senders::refused(const http::Request& request, const std::string& why, EpochMs now) {
  const std::lock_guard lock(mutex_);
  Sender& sender = of(request, now);
  ++sender.refused;
  sender.last_refusal = why.substr(0, kLongestReason);
}

std::vector<Sender> Senders::all() const {
  std::vector<Sender> out;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, sender] : senders_) out.push_back(sender);
  }
  std::ranges::sort(out, [](const Sender& a, const Sender& b) {
    return std::tie(b.last, a.agent, a.peer) < std::tie(a.last, b.agent, b.peer);
  });
  return out;
}

Sender& Senders::of(const http::Request& request, EpochMs now) {
  std::pair key(request.peer, std::string(request.header("User-Agent").substr(0, kLongestAgent)));
  auto found = senders_.find(key);
  if (found == senders_.end()) {
    if (senders_.size() >= kMost)
      senders_.erase(std::ranges::min_element(senders_, {}, [](const auto& one) { return one.second.last; }));
    found = senders_.emplace(key, Sender{.agent = key.second, .peer = key.first}).first;
  }
  found->second.last = now;
  return found->second;
}

}  // namespace tessera::server
