#include "bench/server/running.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "bench/process_cost.h"
#include "http/client.h"
#include "tests/e2e/node.h"

namespace tessera::bench {
namespace {
using namespace std::chrono_literals;

constexpr double kAtRest = 0.1;  // of a core

}  // namespace

Running::Running(const Receiver& receiver, const std::filesystem::path& folder)
    : receiver_(receiver), port_(e2e::free_port()) {
  std::vector<std::string> command = receiver.command(receiver, folder, port_);
  command.insert(command.begin(), {"taskset", "--cpu-list", "1"});
  process_ = std::make_unique<e2e::Child>(std::move(command));
  http::Client client;
  http::ClientRequest request;
  request.url = url(receiver.ready_path);
  const bool ready = e2e::eventually(
      [&] {
        const auto reply = client.send(request);
        return reply && reply->status == 200;
      },
      300s);
  if (!ready)
    throw std::runtime_error(fmt::format("{} did not come up. It says:\n{}", receiver.name, process_->output()));
}

std::string Running::url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }

void Running::wait_for_rest() const {
  double before = cpu_seconds(pid());
  for (int i = 0; i < 120; ++i) {
    std::this_thread::sleep_for(1s);
    const double now = cpu_seconds(pid());
    if (now - before < kAtRest) return;
    before = now;
  }
}

}  // namespace tessera::bench
