#pragma once
// A played Kubernetes cluster as a pod finds it: the API behind TLS, and the files of a service account.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "tests/kube_stub/stub.h"

namespace tessera::e2e {

/// Passes TLS connections on to a plain server, and drops those that it does not answer.
class TlsFront;

struct PodPort {
  std::string name{};  ///< empty: has none
  int number = 0;
};
struct PlayedPod {
  std::string space = "ml";
  std::string name{};
  std::map<std::string, std::string> labels{};
  std::vector<PodPort> ports{};
  std::string phase = "Running";
  std::string ip = "127.0.0.1";
  std::string image = "example/worker:1";
  std::vector<std::string> command{};
};

class Cluster {
 public:
  Cluster();
  ~Cluster();
  kube_stub::Stub& stub() { return *stub_; }
  void put(const PlayedPod& pod);
  void remove(const std::string& space, const std::string& name);
  /// From now on only this token is good, and the file holds it.
  void rotate_token(const std::string& token);
  /// What the relay needs to be a pod of this cluster.
  std::map<std::string, std::string> environment() const;
  std::vector<std::string> flags() const;

 private:
  TempDir account_;
  std::unique_ptr<kube_stub::Stub> stub_;
  std::unique_ptr<TlsFront> front_;
};

}  // namespace tessera::e2e
