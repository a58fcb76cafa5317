#include <cassert>
#include <cstdint>
#include <set>

#include "relay/config.h"

using namespace tessera;
using namespace tessera::relay;

// Any bytes give a configuration that can be followed, or an error that names the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!config) {
    assert(config.error().code == Code::Invalid);
    assert(config.error().what.starts_with("fuzz.yaml:"));
    return 0;
  }
  std::set<std::string> ids, names;
  for (const Job& job : config->jobs) {
    assert(ids.insert(job.id).second);
    assert(job.scrape.interval.count() > 0 && job.scrape.timeout.count() > 0);
    assert(job.scrape.timeout <= job.scrape.interval);
    assert(job.scrape.path.starts_with('/'));
    assert(!job.scrape.protocols.empty());
  }
  for (const Destination& destination : config->destinations) {
    assert(names.insert(destination.name).second);
    assert(destination.name.find('/') == std::string::npos);
    assert(destination.url.find("://") != std::string::npos);
    assert(destination.queue.shards > 0 && destination.queue.min_backoff <= destination.queue.max_backoff);
  }
  assert(to_labels(config->external_labels) == config->external_labels);
  for (const std::string& warning : config->warnings) assert(warning.starts_with("fuzz.yaml:"));
  return 0;
}
