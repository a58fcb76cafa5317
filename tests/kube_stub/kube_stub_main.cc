// kube_stub [--listen HOST:PORT] [--bookmarks DURATION]: prints its two addresses, one a line, and runs until SIGTERM.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/every.h"
#include "base/stop.h"
#include "tests/kube_stub/control.h"
#include "tests/kube_stub/stub.h"

using namespace tessera;

namespace {

struct Arguments {
  std::string listen = "127.0.0.1:0";
  Milliseconds bookmarks{10'000};
};

Result<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return fail(Code::Invalid, "{} needs a value", name);
    if (name == "--listen")
      arguments.listen = argv[i + 1];
    else if (name == "--bookmarks")
      arguments.bookmarks = TRY(parse_duration(argv[i + 1]));
    else
      return fail(Code::Invalid, "unknown argument {}", name);
  }
  return arguments;
}

Result<void> run(int argc, char** argv, const std::stop_token& stop) {
  const Arguments arguments = TRY(parse(argc, argv));
  const auto stub = TRY(kube_stub::Stub::start(arguments.listen, arguments.bookmarks));
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  options.max_body_bytes = 64U << 20U;
  const auto control = TRY(http::Server::listen(std::move(options), kube_stub::control_routes(*stub)));
  fmt::print("api {}\ncontrol http://{}\n", stub->url(), control->address());
  std::fflush(stdout);
  every(Milliseconds(60'000), stop, [] {});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});
  const auto result = run(argc, argv, stop.get_token());
  if (!result) fmt::print(stderr, "kube_stub: {}\n", result.error().what);
  return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
