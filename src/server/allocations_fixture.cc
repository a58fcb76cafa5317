#include "server/allocations_fixture.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "server/api_allocations.h"
#include "server/api_wanted_layout.h"
#include "store/allocations.h"

namespace tessera::server {

std::string instance(unsigned gi, unsigned start, const std::string& profile, unsigned size) {
  return R"(gpu_instance_info{gpu="0",UUID="GPU-a",GPU_I_ID=")" + std::to_string(gi) +
         R"(",GPU_CI_ID="0",GPU_I_PROFILE=")" + profile + R"(",mig_uuid="MIG-)" + std::to_string(gi) + R"(",start=")" +
         std::to_string(start) + "\",size=\"" + std::to_string(size) + "\"} 1\n";
}
std::string held(unsigned gi, const std::string& pod) {
  return R"(gpu_allocation_info{gpu="0",UUID="GPU-a",GPU_I_ID=")" + std::to_string(gi) +
         R"(",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",container="c",namespace="ml",pod=")" +
         pod + "\",pod_uid=\"u-" + pod + "\"} 1\n";
}
std::string body(const std::string& pod, const std::string& more) {
  return R"({"namespace":"ml","podName":")" + pod +
         R"(","workloadType":"Inference","useMig":true,"requiredMemoryGb":20)" + more + "}";
}

std::string uncut() {
  std::string out(kBoard);
  for (std::size_t at; (at = out.find("DCGM_FI_DEV_MIG_MODE=\"1\"")) != std::string::npos;)
    out.replace(at, std::string_view("DCGM_FI_DEV_MIG_MODE=\"1\"").size(), "DCGM_FI_DEV_MIG_MODE=\"0\"");
  return out;
}

AllocationsTest::AllocationsTest() {
  look("", 0);
  open();
}

void AllocationsTest::open() {
  allocations = must(Allocations::open(
      fleet, access->changes(), layouts, events,
      [this] {
        if (on_started) on_started();
        return true;
      },
      options));
  auto routes = allocation_routes(fleet, *allocations, {.readers = &readers}, "/api");
  for (http::Route& one :
       wanted_layout_routes(fleet, *access, layouts, [this] { return allocations->book(); }, true, "/api"))
    routes.push_back(std::move(one));
  router = std::make_unique<http::Router>(must(http::Router::build(std::move(routes))));
}

void AllocationsTest::scrape(const std::string& page, EpochMs seconds, std::string_view board) {
  const EpochMs now = kStart + seconds * 1'000;
  told.scrape(now, R"(node="w-1",job="agent")", std::string(board) + page);
  told.fleet.advance(now);
  Published next;
  next.view = told.fleet.publish(now);
  fleet.publish(std::move(next));
}

void AllocationsTest::look(const std::string& page, EpochMs seconds) {
  scrape(page, seconds);
  if (allocations) allocations->look();
}

http::Response AllocationsTest::send(const std::string& method, const std::string& path, const std::string& content,
                                     const std::string& query, const std::shared_ptr<const Viewer>& viewer,
                                     const std::string& key) {
  http::Request request;
  request.method = method;
  request.path = "/api" + path;
  request.query = query;
  request.body = content;
  request.headers = {{"Content-Type", "application/json"}};
  if (!key.empty()) request.headers.emplace_back("Idempotency-Key", key);
  if (viewer) request.caller = std::make_shared<const Caller>(Caller{viewer, {}});
  auto match = std::get<http::Router::Match>(router->find(method, request.path));
  request.params = match.params;
  return match.route->handle(request);
}

http::Response AllocationsTest::ask(const std::string& content, const std::string& query) {
  return send("POST", "/gpu/allocations", content, query);
}

Json AllocationsTest::asked(const std::string& content, int status) {
  const auto reply = ask(content);
  EXPECT_EQ(reply.status, status) << reply.body;
  return Json::parse(reply.body, nullptr, false);
}

Json AllocationsTest::shown(const Json& one) {
  return Json::parse(send("GET", "/gpu/allocations/" + one["id"].get<std::string>()).body, nullptr, false);
}

std::vector<store::WantedInstance> AllocationsTest::wanted() {
  const auto of = layouts.of("default", "GPU-a");
  return of ? of->instances : std::vector<store::WantedInstance>();
}

AllocationsTest::GivenUp AllocationsTest::made_held_and_given_up() {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start) + held(3, "p"), 10);
  look(instance(3, start), 40);
  EXPECT_EQ(shown(made)["state"], "ended");
  return {made["id"].get<std::string>(), start};
}

bool AllocationsTest::is_to_go(const std::string& id) const { return allocations->book()->find(id)->parts.at(0).made; }

void AllocationsTest::expect_kept() {
  const auto known = must(store::allocations(*must(store::Database::open(url))));
  EXPECT_EQ(must(fleet::AllocationBook::of(known)), *allocations->book());
}

}  // namespace tessera::server
