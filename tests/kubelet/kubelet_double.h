#pragma once
// A kubelet's pod-resources service on a unix socket, played by a real gRPC server.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tessera::kubelet {

struct Devices {
  std::string resource;
  std::vector<std::string> ids;
  std::vector<int> numa_nodes;
};
struct Claim {
  std::string driver, device;
};
struct Container {
  std::string name;
  std::vector<Devices> devices;
  std::vector<Claim> claims;
};
struct Pod {
  std::string space, name;
  std::vector<Container> containers;
};

struct Behaviour {
  std::vector<Pod> pods;
  std::size_t reply_bytes = 0;  ///< pods with other vendors' devices are added up to this size
  int status = 0;               ///< a gRPC status instead of a reply
  std::string status_text{};
  bool hangs = false;
  bool compresses = false;  ///< whether the client takes it or not
  bool serves_v1 = true;
  bool serves_v1alpha1 = false;
};

class KubeletDouble {
 public:
  KubeletDouble(const std::filesystem::path& socket, Behaviour behaviour);
  ~KubeletDouble();
  KubeletDouble(const KubeletDouble&) = delete;
  KubeletDouble& operator=(const KubeletDouble&) = delete;
  /// How often it was asked, of either version.
  int asked() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::kubelet
