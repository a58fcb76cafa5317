#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/cluster_objects.h"

namespace {

void require(bool law) {
  if (!law) std::abort();
}

void check(const tessera::fleet::GpuAmounts& amounts) {
  for (const auto& [name, count] : amounts) require(tessera::fleet::is_gpu_resource(name) && count >= 0);
}

}  // namespace

// Any bytes are read: amounts are of GPUs and not negative, who has a node does not wait,
// and white space before the text changes nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::server;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto pod = read_pod(text);
  check(pod.requests);
  require(pod.node.empty() || pod.waits_reason.empty());
  require(read_pod(" \n" + text) == pod);
  const auto node = read_node(text);
  check(node.allocatable);
  check(node.capacity);
  require(read_node("\t" + text) == node);
  for (const auto& [name, count] : read_quota(text).hard) require(count >= 0);
  for (const auto& [key, value] : read_namespace(text).annotations) require(value.size() <= 256);
  read_node_use(text);
  return 0;
}
