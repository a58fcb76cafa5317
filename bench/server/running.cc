#include "bench/server/running.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "http/client.h"
#include "tests/e2e/node.h"

namespace tessera::bench {
namespace {
using namespace std::chrono_literals;

constexpr auto kRest = 5s;  // more than any of them leaves lying

}  // namespace

Running::Running(const Receiver& receiver, const std::filesystem::path& folder, const char* cores)
    : receiver_(receiver), port_(e2e::free_port()) {
  std::vector<std::string> command = receiver.command(receiver, folder, port_);
  command.insert(command.begin(), {"taskset", "--cpu-list", cores});
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

void Running::rest() { std::this_thread::sleep_for(kRest); }

}  // namespace tessera::bench
