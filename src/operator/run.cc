// The operator as one sentence: watch what there is, let one replica lead, and write what a GpuMonitor asks for where
// it is not so.
#include "operator/run.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <random>

#include "base/every.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "http/web_options.h"
#include "operator/controller.h"
#include "operator/leader.h"
#include "operator/routes.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

std::string pod_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

Result<LeaderSettings> leader_settings(const Options& options, const kube::ApiServer& server) {
  const std::string file = options.service_account + "/namespace";
  LeaderSettings out;
  out.server = server;
  out.space = trim(TRY(read_file(file)));
  if (out.space.empty()) return fail(Code::Invalid, "{} names no namespace to hold the leader's lease in", file);
  out.holder = fmt::format("{}_{:08x}", pod_name(), std::random_device{}());
  out.duration = options.lease_duration;
  return out;
}

}  // namespace

Result<void> run(const Options& options, const std::stop_token& stop) {
  kube::ApiServer server = TRY(kube::in_cluster(options.service_account));
  server.user_agent = "tessera-operator/" TESSERA_VERSION;
  const LeaderSettings election = TRY(leader_settings(options, server));
  Counts counts;
  std::atomic<const Leader*> elected = nullptr;  // the controller comes before the leader that it asks
  const auto leads = [&elected] {
    const Leader* const known = elected;
    return known && known->leads();
  };
  Controller controller({server, counts, leads});
  const auto serving = TRY(http::Server::listen(TRY(http::web_options(options.address, options.web_config)),
                                                operator_routes(controller, counts, leads)));
  Leader leader(election, [&controller] { controller.poke(); });
  elected = &leader;
  log::info("operator ready", {{"address", serving->address()}});
  every(1h, stop, [] {});
  log::info("operator stopping");
  controller.request_stop();
  elected = nullptr;  // nothing is written any more: the lease may be given back
  return {};
}

}  // namespace tessera::operate
