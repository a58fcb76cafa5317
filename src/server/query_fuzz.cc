// Law: whatever stands behind the `?`, a query is read or refused with a problem, and a cursor never comes to a fault
// of ours.
#include <cassert>
#include <cstdint>

#include "server/events.h"
#include "server/paging.h"
#include "server/query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  http::Request request;
  request.method = "GET";
  request.path = "/x";
  request.query.assign(reinterpret_cast<const char*>(data), size);
  server::Query query(request);
  server::read_event_filter(query);
  query.each("each");
  query.flag("flag");
  const auto number = query.whole("number", 1, 1000, 7);
  const auto paging = server::read_paging(query, {{"a", ""}, {"b", ""}, {"c", "a,b"}}, "a", "a,b");
  const bool fine = query.finish();
  assert(number >= 1 && number <= 1000);
  assert(fine == !query.problem());
  if (fine) {
    assert(paging.limit >= 1);
    assert(!paging.has_after || paging.after.size() == paging.terms.size());
  } else {
    const auto reply = server::reply(*query.problem(), request);
    assert(reply.status >= 400 && reply.status < 500);
  }
  return 0;
}
