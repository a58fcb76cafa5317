// What the loop's thread pays for a page of 1 MB over loopback: the column "CPU" counts this thread only.
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
  for (int i = 0; text.size() < kPageBytes; ++i)
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

BENCHMARK(identity)->Arg(1)->Arg(50);
BENCHMARK(gzipped)->Arg(1)->Arg(50);
BENCHMARK(zstd_packed)->Arg(1)->Arg(50);

}  // namespace
