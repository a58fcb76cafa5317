#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "kube/pod.h"

namespace {

void require(bool law) {
  if (!law) std::abort();
}

}  // namespace

// Any bytes are a pod or an error that says something. A pod has a name, its first address is its own, ports exist, and
// it stays the same pod with white space around it; a text cut by one byte is none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto pod = tessera::kube::parse_pod(text);
  if (!pod) {
    require(pod.error().what.starts_with("pod: "));
    return 0;
  }
  require(!pod->name.empty());
  require(pod->ip.empty() == pod->ips.empty() && (pod->ips.empty() || pod->ips.front() == pod->ip));
  bool still_init = true;
  for (const auto& container : pod->containers) {
    require(still_init || !container.init);
    require(container.init || !container.sidecar);
    still_init = container.init;
    for (const auto& port : container.ports) require(port.number != 0 && !port.protocol.empty());
  }
  const auto again = tessera::kube::parse_pod(" \n" + text + "\t");
  require(again && *again == *pod);
  require(!tessera::kube::parse_pod(text.substr(0, text.find_last_of('}'))));
  return 0;
}
