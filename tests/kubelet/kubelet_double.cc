#include "kubelet_double.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <utility>

#include "kubelet_v1.grpc.pb.h"
#include "kubelet_v1alpha1.grpc.pb.h"

namespace tessera::kubelet {
namespace {

void fill(v1::ContainerDevices& out, const Devices& devices) {
  out.set_resource_name(devices.resource);
  for (const auto& id : devices.ids) out.add_device_ids(id);
  for (const int node : devices.numa_nodes) out.mutable_topology()->add_nodes()->set_id(node);
}

void fill(v1::ContainerResources& out, const Container& container) {
  out.set_name(container.name);
  for (int cpu = 0; cpu < 8; ++cpu) out.add_cpu_ids(cpu);
  auto& memory = *out.add_memory();
  memory.set_memory_type("memory");
  memory.set_size(std::uint64_t{64} << 30U);
  memory.mutable_topology()->add_nodes()->set_id(0);
  for (const auto& devices : container.devices) fill(*out.add_devices(), devices);
  for (const auto& [driver, device] : container.claims) {
    auto& dynamic = *out.add_dynamic_resources();
    dynamic.set_claim_name("claim");
    dynamic.set_claim_namespace("claims");
    auto& claim = *dynamic.add_claim_resources();
    claim.add_cdi_devices()->set_name("k8s." + driver + "/claim=" + device);
    claim.set_driver_name(driver);
    claim.set_pool_name("node-1");
    claim.set_device_name(device);
  }
}

/// Adds pods with devices of another vendor until the reply has exactly `bytes`.
void pad(v1::ListPodResourcesResponse& reply, std::size_t bytes) {
  constexpr std::size_t kPodBytes = 256U << 10U;
  while (reply.ByteSizeLong() < bytes) {
    auto& pod = *reply.add_pod_resources();
    pod.set_name("other");
    auto& container = *pod.add_containers();
    container.set_name("other");
    auto& devices = *container.add_devices();
    devices.set_resource_name("vendor.example/fpga");
    auto& id = *devices.add_device_ids();
    id.assign(std::min(kPodBytes, bytes), 'x');
    for (auto size = reply.ByteSizeLong(); size > bytes; size = reply.ByteSizeLong()) {
      if (id.size() < size - bytes) std::abort();  // this size cannot be met: choose another
      id.resize(id.size() - (size - bytes));
    }
  }
}

v1::ListPodResourcesResponse reply_of(const Behaviour& behaviour) {
  v1::ListPodResourcesResponse reply;
  for (const auto& pod : behaviour.pods) {
    auto& out = *reply.add_pod_resources();
    out.set_name(pod.name);
    out.set_namespace_(pod.space);
    for (const auto& container : pod.containers) fill(*out.add_containers(), container);
  }
  if (behaviour.reply_bytes > 0) pad(reply, behaviour.reply_bytes);
  return reply;
}

/// What both versions of the service do.
class Answer {
 public:
  explicit Answer(Behaviour behaviour)
      : behaviour_(std::move(behaviour)), reply_(reply_of(behaviour_)), released_(release_.get_future().share()) {}
  grpc::Status operator()(grpc::ServerContext& context, v1::ListPodResourcesResponse& reply) {
    ++asked;
    if (behaviour_.hangs) released_.wait();
    if (behaviour_.compresses) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    if (behaviour_.status != 0) return {static_cast<grpc::StatusCode>(behaviour_.status), behaviour_.status_text};
    reply = reply_;
    return grpc::Status::OK;
  }
  void release() { release_.set_value(); }
  const Behaviour& behaviour() const { return behaviour_; }

  std::atomic<int> asked = 0;

 private:
  Behaviour behaviour_;
  v1::ListPodResourcesResponse reply_;
  std::promise<void> release_;
  std::shared_future<void> released_;
};

template <class Base>
class Lister final : public Base::Service {
 public:
  explicit Lister(Answer& answer) : answer_(answer) {}
  grpc::Status List(grpc::ServerContext* context, const v1::ListPodResourcesRequest*,
                    v1::ListPodResourcesResponse* reply) override {
    return answer_(*context, *reply);
  }

 private:
  Answer& answer_;
};

}  // namespace

struct KubeletDouble::Impl {
  explicit Impl(Behaviour behaviour) : answer(std::move(behaviour)) {}
  Answer answer;
  Lister<v1::PodResourcesLister> v1_lister{answer};
  Lister<v1alpha1::PodResourcesLister> v1alpha1_lister{answer};
  std::unique_ptr<grpc::Server> server;
};

KubeletDouble::KubeletDouble(const std::filesystem::path& socket, Behaviour behaviour)
    : impl_(std::make_unique<Impl>(std::move(behaviour))) {
  ::setenv("GRPC_POLL_STRATEGY", "poll", 0);  // with epoll, shutting down after a big reply often takes 10 s
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix://" + socket.string(), grpc::InsecureServerCredentials());
  if (impl_->answer.behaviour().serves_v1) builder.RegisterService(&impl_->v1_lister);
  if (impl_->answer.behaviour().serves_v1alpha1) builder.RegisterService(&impl_->v1alpha1_lister);
  impl_->server = builder.BuildAndStart();
  if (!impl_->server) std::abort();  // the directory is the test's own
}

KubeletDouble::~KubeletDouble() {
  impl_->answer.release();
  impl_->server->Shutdown(std::chrono::system_clock::now());
}

int KubeletDouble::asked() const { return impl_->answer.asked; }

}  // namespace tessera::kubelet
