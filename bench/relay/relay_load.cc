// What is scraped: TARGETS nodes on 127.1.x.y, each with an address of its own on one port, as pods have them, so that
// every scraper keeps one connection per target. Pages are rendered beforehand, kVariants of each, in turn.
//
//   relay_load TARGETS METRICS DEVICES         values change from scrape to scrape
//   relay_load TARGETS METRICS DEVICES count   every value is the number of the target's scrape, for `relay_sink check`
//
// Says "port N" when it serves. GET /metrics; GET /served: pages that went out whole; POST /end: no page from now on.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "base/text.h"
#include "bench/relay/loop_server.h"
#include "bench/relay/page.h"

namespace {
using namespace tessera;
using namespace tessera::bench;

constexpr unsigned kVariants = 4;

std::string page_head(std::size_t size) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n", size);
}

struct Target {
  unsigned node;
  std::vector<std::string> variants;  ///< empty: every value is the scrape's number
  std::uint64_t scrapes = 0;
};

class Load {
 public:
  Load(Shape shape, unsigned targets, bool counting) : shape_(shape) {
    for (unsigned node = 0; node < targets; ++node) {
      Target& target = targets_.emplace_back(Target{node, {}});
      for (unsigned round = 0; round < kVariants && !counting; ++round)
        target.variants.push_back(page(shape, node, round));
    }
  }

  Result<std::uint16_t> listen(LoopServer& server) {
    std::uint16_t port = 0;
    for (Target& target : targets_)
      port = TRY(server.listen(fmt::format("127.1.{}.{}", target.node / 200, target.node % 200 + 1), port,
                               [this, &target](const Asked& asked) { return reply(target, asked.head); }));
    return port;
  }

 private:
  Answer reply(Target& target, std::string_view head) {
    if (head.starts_with("GET /served ")) return answer("200 OK", fmt::format("{}\n", served_));
    if (head.starts_with("POST /end ")) {
      ended_ = true;
      return answer("204 No Content", "");
    }
    if (!head.starts_with("GET /metrics ") || ended_) return answer("503 Service Unavailable", "the load has ended\n");
    const std::uint64_t scrape = ++target.scrapes;
    if (target.variants.empty()) {
      std::string text = uniform_page(shape_, target.node, scrape);
      std::string whole = page_head(text.size());
      whole += text;
      return {std::move(whole), {}, &served_};
    }
    const std::string& text = target.variants[scrape % kVariants];
    return {page_head(text.size()), text, &served_};
  }

  const Shape shape_;
  std::deque<Target> targets_;
  std::uint64_t served_ = 0;
  bool ended_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});
  const auto number = [&](int i) {
    return static_cast<unsigned>(argc > i ? std::clamp<std::int64_t>(parse_int(argv[i]).value_or(0), 0, 10'000) : 0);
  };
  const Shape shape{number(2), number(3)};
  if (number(1) == 0 || shape.samples() == 0) {
    std::fputs("relay_load TARGETS METRICS DEVICES [count]\n", stderr);
    return 2;
  }
  Load load(shape, number(1), argc > 4 && std::string_view(argv[4]) == "count");
  LoopServer server;
  const auto port = load.listen(server);
  if (!port) {
    std::fprintf(stderr, "relay_load: %s\n", port.error().what.c_str());
    return EXIT_FAILURE;
  }
  std::printf("port %d\n", *port);
  std::fflush(stdout);
  server.run(stop.get_token());
  return EXIT_SUCCESS;
}
