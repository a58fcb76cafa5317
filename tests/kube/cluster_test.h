#pragma once
// What tests on the real control plane begin with.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "tests/kube/control_plane.h"

namespace tessera::e2e {

/// Skips where there is no control plane.
class OnCluster : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = ControlPlane::shared();
    if (!cluster_) GTEST_SKIP() << ControlPlane::why_not();
  }
  ControlPlane& cluster() { return *cluster_; }
  /// Of a path, the value at a JSON pointer; null where one of both is not there.
  Json at(const std::string& path, const std::string& pointer) {
    const Json object = cluster().get(path);
    const Json::json_pointer where(pointer);
    return object.contains(where) ? object.at(where) : Json();
  }
  /// Within what controllers, a scheduler and kubelets take on a busy machine.
  static bool soon(const std::function<bool()>& holds) { return eventually(holds, std::chrono::minutes(2)); }
  bool becomes(const std::string& path, const std::string& pointer, const Json& want) {
    return soon([&] { return at(path, pointer) == want; });
  }

  /// Waits until the API server serves the resource.
  bool is_served() {
    return soon([&] { return cluster().has(kMonitors); });
  }
  const std::string kMonitors = "/apis/tessera.dev/v1alpha1/gpumonitors";

 private:
  ControlPlane* cluster_ = nullptr;
};

/// A release of the chart, and its namespace, until the end.
class Installed {
 public:
  Installed(ControlPlane& cluster, std::string name, std::string space, const std::string& values = "",
            const std::string& chart = "")
      : cluster_(cluster), name_(std::move(name)), space_(std::move(space)) {
    install(values, {"--create-namespace"}, chart);
  }
  ~Installed() {
    uninstall();
    cluster_.done({"delete", "namespace", space_, "--wait=false"});
  }
  Installed(const Installed&) = delete;
  Installed& operator=(const Installed&) = delete;

  /// `helm upgrade --install`, once more; its last words.
  std::string install(const std::string& values, std::vector<std::string> flags = {}, const std::string& chart = "") {
    flags.insert(flags.begin(), {"upgrade", "--install", name_, "--namespace", space_});
    const Finished ended = cluster_.helm(std::move(flags), values, chart);
    EXPECT_EQ(ended.code, 0) << ended.output;
    return ended.output;
  }
  void uninstall() {
    if (gone_) return;
    gone_ = true;
    std::jthread removal([&](const std::stop_token& stop) {  // in operator mode alone there is something to run
      cluster_.run_pod_of_job(space_, "tessera-operator-removal", "tessera-operator", stop);
    });
    const Finished ended = cluster_.helm_alone({"uninstall", name_, "--namespace", space_});
    removal.request_stop();
    removal.join();
    EXPECT_EQ(ended.code, 0) << ended.output;
  }
  std::string in(const std::string& group, const std::string& rest) const {
    return (group == "v1" ? "/api/v1" : "/apis/" + group) + "/namespaces/" + space_ + "/" + rest;
  }

 private:
  ControlPlane& cluster_;
  const std::string name_, space_;
  bool gone_ = false;
};

}  // namespace tessera::e2e
