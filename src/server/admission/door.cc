#include "server/admission/door.h"

#include <fmt/format.h>

#include <memory>
#include <semaphore>
#include <utility>

#include "base/every.h"
#include "base/log.h"
#include "server/admission/asking.h"
#include "server/admission/extender.h"
#include "server/admission/review.h"
#include "server/problem.h"

namespace tessera::server {
namespace {

// Whoever reaches the port may fill all of its connections at once. The API server takes objects of 3 MiB; a scheduler
// without a cache of nodes sends all of them, some 10 kB each.
constexpr std::size_t kMaxReviewBytes = 6U << 20U, kMaxArgsBytes = 64U << 20U;
constexpr std::size_t kMaxConnections = 48;
constexpr Milliseconds kIdle{10'000};
constexpr unsigned kHandlers = 8;
/// Calls of schedulers that wait for the database and for the watch: reviews find a handler all the same.
constexpr std::ptrdiff_t kMostAsking = 3;

http::Response json(std::string body) {
  http::Response out;
  out.content_type = "application/json";
  out.body = std::move(body);
  return out;
}

Result<void> leads(const Behind& behind) {
  if (behind.leadership.leads()) return {};
  const std::string leader = behind.leadership.state().leader;
  return fail(Code::Unavailable, "this server does not lead, so it promises nothing: {}",
              leader.empty() ? "nobody leads now" : fmt::format("{} leads", leader));
}

ExtenderGround extender_ground(const Behind& behind) {
  return {[behind] { return behind.fleet.get(); }, [behind] { return behind.allocations.book(); },
          [behind](const AllocationWish& wish) -> Result<void> {
            TRY(leads(behind));
            return ask_for(behind.allocations, wish);
          },
          [behind](const std::string& id) -> Result<void> {
            TRY(leads(behind));
            return release(behind.allocations, id);
          }};
}

/// Of a scheduler that comes when others wait: it tries again by itself.
ExtenderGround busy(ExtenderGround ground) {
  ground.ask = [](const AllocationWish&) {
    return fail(Code::Unavailable, "tessera-server is busy with other pods; the scheduler tries again");
  };
  ground.patience = {};
  return ground;
}

}  // namespace

std::vector<http::Route> door_routes(const DoorOptions& options, const Behind& behind) {
  const ReviewGround review{options.cluster,
                            [behind](const AllocationWish& wish) { return behind.allocations.foresee(wish); },
                            [behind](Reviewed what) { ++behind.counts.reviews[static_cast<std::size_t>(what)]; }};
  using http::Request;
  std::vector<http::Route> out{
      {"POST", "/admission/pods", [review](const Request& r) { return json(answer_review(r.body, review)); }},
      {"GET", "/livez", [](const Request&) {
         http::Response alive;
         alive.body = "ok\n";
         return alive;
       }}};
  if (!options.extender) return out;
  const ExtenderGround extender = extender_ground(behind);
  const auto asking = std::make_shared<std::counting_semaphore<kMostAsking>>(kMostAsking);
  out.push_back({"POST", "/scheduler/filter", [extender, asking](const Request& r) {
                   if (!asking->try_acquire()) return json(filter_nodes(r.body, busy(extender)));
                   const std::shared_ptr<void> turn(nullptr, [&](void*) { asking->release(); });
                   return json(filter_nodes(r.body, extender));
                 }});
  out.push_back({"POST", "/scheduler/prioritize",
                 [extender](const Request& r) { return json(prioritize_nodes(r.body, extender)); }});
  return out;
}

Result<std::unique_ptr<http::Server>> open_door(const DoorOptions& options, const Behind& behind) {
  http::ServerOptions serving;
  serving.address = options.address;
  serving.tls.emplace();
  serving.tls->cert_file = options.certificate;
  serving.tls->key_file = options.key;
  serving.tls->check_files_every = options.check_files_every;
  serving.handlers = kHandlers;
  serving.tls->client_ca_file = options.client_ca;
  serving.max_body_bytes = options.extender ? kMaxArgsBytes : kMaxReviewBytes;
  serving.idle_timeout = kIdle;
  serving.max_connections = kMaxConnections;
  serving.finish = [](const http::Request& request, http::Response& response) {
    finish_reply(request, response, true);
  };
  return http::Server::listen(std::move(serving), door_routes(options, behind));
}

Door::Door(DoorOptions options, const Behind& behind, std::string& bound)
    : options_(std::move(options)), behind_(behind), bound_(bound) {
  if (open()) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (wait_until(std::chrono::steady_clock::now() + options_.open_every, stop) && !open()) {
    }
  });
}

Door::~Door() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (const std::string at = address(); !at.empty()) bound_ = at;
}

std::string Door::address() const {
  const std::scoped_lock lock(mutex_);
  return server_ ? server_->address() : "";
}

bool Door::open() {
  auto opened = open_door(options_, behind_);
  if (!opened) {
    if (trouble_ != opened.error().what)
      log::warn("admission is away: pods that ask by label get no GPU", {{"why", opened.error().what}});
    trouble_ = opened.error().what;
    return false;
  }
  log::info("admission listens", {{"address", (*opened)->address()}, {"cluster", options_.cluster}});
  const std::scoped_lock lock(mutex_);
  server_ = *std::move(opened);
  return true;
}

}  // namespace tessera::server
