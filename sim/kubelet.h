// The kubelet's pod-resources service: gRPC over HTTP/2 on a unix socket, List and GetAllocatableResources of v1.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "sim/node.h"
#include "sim/outcome.h"

namespace tessera::sim {

// The two replies, as protobuf.
std::string list_pod_resources(const Node& node, const State& state, std::int64_t at);
std::string list_allocatable(const Node& node, const State& state);

// Serves on one thread: whoever owns it calls serve() in a loop.
class Kubelet {
 public:
  // What a call is answered with: gRPC status and message. The argument is the path, "/v1.PodResourcesLister/List".
  struct Reply {
    int status;
    std::string body;
  };
  using Answer = std::function<Reply(const std::string& path)>;

  static Outcome<std::unique_ptr<Kubelet>> listen(const std::string& socket_path, Answer answer);
  ~Kubelet();
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  // Handles what comes in for at most this long.
  void serve(std::chrono::milliseconds at_most);

 private:
  struct Server;
  explicit Kubelet(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace tessera::sim
