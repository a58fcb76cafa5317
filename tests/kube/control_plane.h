#pragma once
// A real Kubernetes control plane: etcd, API server, controllers, scheduler and hollow nodes as tools/kube/up starts
// them, once for a test program and ended with it. `./dev test-kube` brings its programs.
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "kube/api.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

using Json = nlohmann::json;

/// The hollow nodes: two with GPUs, one of them tainted, and one without.
inline constexpr std::string_view kGpuNode = "gpu-1", kTaintedNode = "gpu-2", kPlainNode = "plain-1";

class ControlPlane {
 public:
  /// nullptr where it cannot be started on this machine; why_not() says what is missing.
  static ControlPlane* shared();
  static std::string why_not();

  explicit ControlPlane(const std::string& programs);
  ~ControlPlane();  ///< ends it with all its programs

  /// As the cluster's administrator. `input`: what `-f -` reads.
  Finished kubectl(std::vector<std::string> words, const std::string& input = "");
  /// kubectl() that has to go well; its output.
  std::string done(std::vector<std::string> words, const std::string& input = "");
  /// `helm WORDS... CHART`, as run_helm() of tests/deploy.
  Finished helm(std::vector<std::string> words, const std::string& values = "", const std::string& chart = "");
  Finished helm_alone(std::vector<std::string> words);
  /// A line of a shell, in the folder of the sources, where kubectl and helm are this cluster's.
  Finished shell(const std::string& line);
  /// Everything with the label app.kubernetes.io/part-of=tessera: "deployment.apps/tessera-server".
  std::vector<std::string> ours();

  /// The object or list at a path of the API; null where there is none. Throws where the API server is away.
  Json get(const std::string& path);
  bool has(const std::string& path) { return !get(path).is_null(); }
  /// Lines of the audit log so far, each a request that was answered.
  std::vector<Json> requests();
  /// SIGKILL for one of its programs, "kube-apiserver": it is started again.
  void kill(const std::string& program);

  /// What a pod of this account finds in its folder of the service account: token, ca.crt, namespace.
  std::filesystem::path service_account(const std::string& space, const std::string& name);
  /// What a pod finds in its environment.
  std::map<std::string, std::string> environment() const;
  const std::string& url() const { return url_; }
  /// Of "admin", or of "scheduler", whose rights are few.
  std::string kubeconfig(const std::string& user = "admin") const {
    return (folder_.path() / "k" / (user + ".kubeconfig")).string();
  }

  /// A namespace that is there until its end, when it is deleted with all in it.
  class Namespace {
   public:
    Namespace(ControlPlane& cluster, std::string name);
    ~Namespace();
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;

   private:
    ControlPlane& cluster_;
    const std::string name_;
  };

 private:
  std::map<std::string, std::string> client_environment() const;

  TempDir folder_;
  std::unique_ptr<Child> process_;
  std::string url_, port_;
  std::unique_ptr<kube::Api> api_;
};

}  // namespace tessera::e2e
