// Law: what is taken of a page is a remote-write message that the intake takes too, with the labels that were given.
#include <cassert>
#include <cstdint>

#include "server/import_page.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  server::PageContext context;
  context.format = server::format_of(page);
  context.labels = {{"node", "w"}};
  context.time = 1'000'000;
  const server::IntakeLimits limits;
  auto message = server::page_message(page, context, limits);
  if (!message) {
    assert(message.error().what.starts_with("line "));
    return 0;
  }
  const auto decoded = wire::decode(wire::Protocol::V1, *message);
  assert(decoded);
  for (const wire::Series& series : decoded->series) {
    bool given = false;
    for (const wire::Label& label : series.labels) given |= label == wire::Label{"node", "w"};
    assert(given);
  }
  server::LeftOut left_out;
  server::JudgedSeries judged;
  const auto batch = server::read_batch(wire::Protocol::V1, *std::move(message), limits, 2'000'000, judged, left_out);
  assert(batch);
  return 0;
}
