#pragma once
// A real Kubernetes control plane: etcd, API server, controllers, scheduler and hollow nodes as tools/kube/up starts
// them, once for a test program and ended with it. `./dev test-kube` brings its programs.
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "http/client.h"
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
  /// Everything with the label app.kubernetes.io/part-of=tessera, "Deployment/tessera-server", but for what is being
  /// deleted: kubelets take their time.
  std::vector<std::string> ours();

  /// The object or list at a path of the API; null where there is none. Throws where the API server is away.
  Json get(const std::string& path);
  bool has(const std::string& path) { return !get(path).is_null(); }
  /// Of the API server: 20 of Kubernetes 1.20.
  int minor_version();
  /// Lines of the audit log so far, each a request that was answered.
  std::vector<Json> requests();
  /// Kills the API server, which is started again, with these flags besides its own, and waits until it answers. The
  /// controllers and the scheduler are killed too: else they would ask it again after up to a minute only.
  void restart_api_server(const std::vector<std::string>& flags = {});
  /// Kills the scheduler, which is started again with these flags besides its own; who asks later finds it.
  void restart_scheduler(const std::vector<std::string>& flags);
  /// etcd forgets all that was before. Whoever watches goes on, but nobody can go on from an older version any more: an
  /// API server without a cache says so from now on.
  void compact();

  /// What a pod of this account finds in its folder of the service account: token, ca.crt, namespace.
  std::filesystem::path service_account(const std::string& space, const std::string& name);
  /// Puts a new token into that folder, as a kubelet does; from the API server's next start on, the one before is none.
  void renew_token(const std::string& space, const std::string& name);
  /// Does a kubelet's part for a Job, as hollow ones run no container: until the stop, once a pod with this
  /// app.kubernetes.io/name is there, runs our program of that name with the pod's flags and account, and tells how it
  /// ended. Meanwhile nobody else may ask this control plane.
  void run_pod_of_job(const std::string& space, const std::string& name, const std::string& program,
                      const std::stop_token& stop);
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
  /// SIGKILL for one of its programs: it is started again.
  void kill(const std::string& program);
  void set_flags(const std::string& program, const std::vector<std::string>& flags);
  /// What etcd's gateway answers.
  http::ClientResponse etcd(const std::string& path, const Json& body);
  /// A token that is good as long as the Secret of that name is there.
  std::string token_bound_to(const std::string& secret, const std::string& space, const std::string& name);

  TempDir folder_;
  std::unique_ptr<Child> process_;
  std::string url_, port_;
  int renewed_ = 0;
  std::unique_ptr<kube::Api> api_;
};

}  // namespace tessera::e2e
