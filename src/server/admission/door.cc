#include "server/admission/door.h"

#include <fmt/format.h>

#include <memory>

#include "server/admission/asking.h"
#include "server/admission/extender.h"
#include "server/admission/review.h"
#include "server/problem.h"

namespace tessera::server {
namespace {

// The API server takes objects of 3 MB, and a review has an old one too; a scheduler without a cache of nodes sends all
// of them, some 10 kB each.
constexpr std::size_t kMaxBodyBytes = 64U << 20U;
constexpr std::size_t kMaxConnections = 64;
constexpr unsigned kHandlers = 8;  // an extender's call waits for the database, and for the watch

http::Response json(std::string body) {
  http::Response out;
  out.content_type = "application/json";
  out.body = std::move(body);
  return out;
}

ExtenderGround extender_ground(const Behind& behind) {
  return {[behind] { return behind.fleet.get(); }, [behind] { return behind.allocations.book(); },
          [behind](const AllocationWish& wish) -> Result<void> {
            if (!behind.leadership.leads()) {
              const std::string leader = behind.leadership.state().leader;
              return fail(Code::Unavailable, "this server does not lead, so it promises nothing: {}",
                          leader.empty() ? "nobody leads now" : fmt::format("{} leads", leader));
            }
            return ask_for(behind.allocations, wish);
          }};
}

}  // namespace

std::vector<http::Route> door_routes(const std::string& cluster, const Behind& behind) {
  const ReviewGround review{cluster, [behind](const AllocationWish& wish) { return behind.allocations.foresee(wish); },
                            [behind](Reviewed what) { ++behind.counts.reviews[static_cast<std::size_t>(what)]; }};
  const ExtenderGround extender = extender_ground(behind);
  using http::Request;
  return {{"POST", "/admission/pods", [review](const Request& r) { return json(answer_review(r.body, review)); }},
          {"POST", "/scheduler/filter", [extender](const Request& r) { return json(filter_nodes(r.body, extender)); }},
          {"POST", "/scheduler/prioritize",
           [extender](const Request& r) { return json(prioritize_nodes(r.body, extender)); }},
          {"GET", "/livez", [](const Request&) {
             http::Response out;
             out.body = "ok\n";
             return out;
           }}};
}

Result<std::unique_ptr<http::Server>> open_door(const DoorOptions& options, const Behind& behind) {
  http::ServerOptions serving;
  serving.address = options.address;
  serving.tls.emplace();
  serving.tls->cert_file = options.certificate;
  serving.tls->key_file = options.key;
  serving.tls->check_files_every = options.check_files_every;
  serving.handlers = kHandlers;
  serving.max_body_bytes = kMaxBodyBytes;
  serving.max_connections = kMaxConnections;
  serving.finish = [](const http::Request& request, http::Response& response) {
    finish_reply(request, response, true);
  };
  return http::Server::listen(std::move(serving), door_routes(options.cluster, behind));
}

}  // namespace tessera::server
