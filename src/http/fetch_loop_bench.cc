// What the loop's thread pays for a page over loopback, for a large one and for a small one among many hosts: the
// column "CPU" counts this thread only.
#include <benchmark/benchmark.h>
#include <zstd.h>

#include <array>
#include <cstdlib>

#include "http/fetch_loop.h"
#include "http/server.h"

namespace {

using namespace tessera;
using namespace tessera::http;

constexpr std::size_t kPageBytes = 1'000'000;

std::string page() {
  std::string text;
  for (unsigned i = 0; text.size() < kPageBytes; ++i)
    text += fmt::format("DCGM_FI_DEV_FIELD_{}{{gpu=\"{}\",UUID=\"GPU-{:08x}-1d2c\",pod=\"worker-{}\"}} {}\n", i % 60,
                        i % 8, i * 2'654'435'761U, i % 97, i * 7'919 % 100'003);
  text.resize(kPageBytes);
  return text;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

struct Count final : FetchReceiver {
  bool begin(const FetchReply& reply) override { return reply.status == 200; }
  bool body(std::string_view chunk) override {
    bytes += chunk.size();
    ++chunks;
    return true;
  }
  void done(const Result<FetchReply>& reply, const FetchTimes& times) override {
    failed = failed || !reply;
    wire_bytes += times.wire_bytes;
  }
  std::size_t bytes = 0, chunks = 0, wire_bytes = 0;
  bool failed = false;
};

void fetch_page(benchmark::State& state, const std::string& encoding, const std::string& body) {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  const auto bytes = std::make_shared<const std::string>(body);
  const auto server = *Server::listen(options, {{"GET", "/", [&](const Request&) {
                                                   Response response;
                                                   response.shared_body = bytes;
                                                   if (!encoding.empty())
                                                     response.headers = {{"Content-Encoding", encoding}};
                                                   return response;
                                                 }}});
  const auto loop = *FetchLoop::open({});
  ClientRequest request;
  request.url = "http://" + server->address() + "/";
  std::vector<Count> receivers(static_cast<std::size_t>(state.range(0)));
  const auto far = std::chrono::steady_clock::now() + std::chrono::hours(1);
  for (auto _ : state) {
    for (auto& receiver : receivers) loop->start(request, receiver);
    while (loop->active() > 0) loop->run_until(far);
  }
  const auto& one = receivers.front();
  const auto pages = static_cast<double>(state.iterations());
  if (one.failed || one.bytes != kPageBytes * static_cast<std::size_t>(state.iterations()))
    state.SkipWithError("a page was not whole");
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["chunks"] = static_cast<double>(one.chunks) / pages;
  state.counters["wire"] = static_cast<double>(one.wire_bytes) / pages;
}

void identity(benchmark::State& state) { fetch_page(state, "", page()); }
void gzipped(benchmark::State& state) { fetch_page(state, "gzip", gzip(page())); }
void zstd_packed(benchmark::State& state) { fetch_page(state, "zstd", zstd(page())); }

/// So many hosts asked in turn over kept connections, one at a time, as a relay asks its targets.
void small(benchmark::State& state) {
  ServerOptions options;
  options.address = "0.0.0.0:0";
  const auto server = *Server::listen(options, {{"GET", "/metrics", [](const Request&) {
                                                   Response response;
                                                   response.body = "up 1\n";
                                                   return response;
                                                 }}});
  const auto port = server->address().substr(server->address().rfind(':'));
  const auto loop = *FetchLoop::open({});
  std::vector<ClientRequest> requests(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].url = fmt::format("http://127.1.{}.{}{}/metrics", i / 200, i % 200 + 1, port);
    requests[i].max_redirects = 10;
    requests[i].headers = {{"Accept", "application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.2,*/*;q=0.1"},
                           {"User-Agent", "bench"},
                           {"X-Prometheus-Scrape-Timeout-Seconds", "10"},
                           {"Accept-Encoding", "zstd, gzip"}};
  }
  const auto far = std::chrono::steady_clock::now() + std::chrono::hours(1);
  Count receiver;
  for (auto _ : state)
    for (const auto& request : requests) {
      loop->start(request, receiver);
      while (loop->active() > 0) loop->run_until(far);
    }
  if (receiver.failed) state.SkipWithError("a page was not whole");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(small)->Arg(1)->Arg(250);
BENCHMARK(identity)->Arg(1)->Arg(50);
BENCHMARK(gzipped)->Arg(1)->Arg(50);
BENCHMARK(zstd_packed)->Arg(1)->Arg(50);

}  // namespace
