#include "bench/server/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "bench/server/fleet_stream.h"
#include "http/client.h"

namespace tessera::bench {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr unsigned kConnections = 4;

struct Round {
  const std::string& url;
  const std::string& page;
  unsigned nodes;
  EpochMs time;
  Milliseconds over;
  Clock::time_point begin = Clock::now();
  std::atomic<unsigned> next = 0;
};

void send_some(Round& round) {
  FleetStream stream(round.page);
  http::Client client;
  http::ClientRequest request;
  request.method = "POST";
  request.url = round.url;
  request.deadline = 120s;
  request.headers = {{"Content-Encoding", "snappy"},
                     {"Content-Type", "application/x-protobuf"},
                     {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
  for (unsigned node = round.next++; node < round.nodes; node = round.next++) {
    if (round.over.count() > 0) std::this_thread::sleep_until(round.begin + round.over * node / round.nodes);
    request.body = stream.body(node, round.time);
    for (;;) {
      const auto reply = client.send(request);
      if (!reply) throw std::runtime_error(reply.error().what);
      if (reply->status / 100 == 2) break;
      if (reply->status != 429 && reply->status != 503)
        throw std::runtime_error(
            fmt::format("{}: status {}: {}", round.url, reply->status, reply->body.substr(0, 300)));
      std::this_thread::sleep_for(50ms);  // it asks for patience, as it may
    }
  }
}

}  // namespace

double send_round(const std::string& url, const std::string& page, unsigned nodes, EpochMs time, Milliseconds over) {
  Round round{url, page, nodes, time, over};
  std::mutex mutex;
  std::exception_ptr failed;  // guarded by mutex
  {
    std::vector<std::jthread> senders;
    for (unsigned i = 0; i < kConnections; ++i)
      senders.emplace_back([&] {
        try {
          send_some(round);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failed = std::current_exception();
        }
      });
  }
  if (failed) std::rethrow_exception(failed);
  return std::chrono::duration<double>(Clock::now() - round.begin).count();
}

std::vector<double> ask(const std::function<std::string(unsigned)>& url_of, double per_second,
                        const std::stop_token& stop) {
  http::Client client;
  http::ClientRequest request;
  request.headers = {{"Accept-Encoding", "gzip"}};
  request.deadline = 30s;
  request.max_body_bytes = 256U << 20U;
  std::vector<double> out;
  const auto every = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / per_second));
  auto due = Clock::now();
  for (unsigned number = 0; !stop.stop_requested(); ++number, due += every) {
    std::this_thread::sleep_until(due);
    request.url = url_of(number);
    const auto reply = client.send(request);
    if (!reply) throw std::runtime_error(reply.error().what);
    if (reply->status != 200)
      throw std::runtime_error(
          fmt::format("{}: status {}: {}", request.url, reply->status, reply->body.substr(0, 300)));
    out.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
  }
  return out;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) throw std::runtime_error("nothing was measured");
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<std::size_t>(static_cast<double>(values.size()) * share))];
}

}  // namespace tessera::bench
