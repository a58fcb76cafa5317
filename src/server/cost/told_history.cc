#include "server/cost/told_history.h"

#include <fmt/format.h>

#include <stdexcept>

namespace tessera::server {
namespace {

void must(const Result<void>& done) {
  if (!done) throw std::runtime_error(done.error().what);
}

}  // namespace

ToldHistory::ToldHistory() : archive_(*database, std::chrono::seconds(30), {}) {
  must(store::prepare_usage(*database, std::chrono::seconds(30)));
}

std::unique_ptr<store::Database> ToldHistory::open() const {
  auto out = store::Database::open(url);
  if (!out) throw std::runtime_error(out.error().what);
  return *std::move(out);
}

void ToldHistory::scrape(const std::string& node, EpochMs from, EpochMs to, const PageAt& page) {
  for (EpochMs at = from; at < to; at += 30'000) {
    told.scrape(at, fmt::format(R"(node="{}",job="agent")", node), page(at));
    if (at > newest_) told.fleet.advance(newest_ = at);  // what is told of the past is late
  }
}

void ToldHistory::keep(EpochMs now) {
  told.fleet.advance(now);
  told.fleet.meter().settle(now);
  const auto usage = told.fleet.meter().take();
  std::vector<fleet::Remembered> devices;
  const auto view = told.fleet.publish(now);
  for (const auto& node : view->nodes)
    for (const fleet::Device& device : node->devices) devices.push_back({node->cluster, node->name, device});
  must(archive_.keep(
      {{}, {}, {}, devices, &usage, {++record_, 0, now}},
      [&](std::uint32_t one) { return told.fleet.usage_subject(one); }, now));
  publish(now);
}

void ToldHistory::publish(EpochMs now) {
  newest_ = now;
  told.fleet.advance(now);
  Published next;
  next.view = told.fleet.publish(now);
  next.cluster = cluster;
  published.publish(std::move(next));
}

std::string two_boards(double busy, const std::string& holder) {
  return fmt::format(R"(gpu_up{{gpu="0",UUID="GPU-0"}} 1
gpu_up{{gpu="1",UUID="GPU-1"}} 1
gpu_device_info{{gpu="0",UUID="GPU-0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"}} 1
gpu_device_info{{gpu="1",UUID="GPU-1",model="NVIDIA A100-SXM4-80GB",DCGM_FI_DEV_MIG_MODE="1"}} 1
gpu_device_compute_slices{{gpu="0",UUID="GPU-0"}} 7
gpu_device_compute_slices{{gpu="1",UUID="GPU-1"}} 7
gpu_instance_info{{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-3",start="0",size="2"}} 1
gpu_instance_info{{gpu="1",UUID="GPU-1",GPU_I_ID="9",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-9",start="2",size="1"}} 1
gpu_allocation_info{{gpu="0",UUID="GPU-0",resource="nvidia.com/gpu",share="exclusive",pod="{1}",namespace="ml",container="c",pod_uid="u-{1}"}} 1
gpu_allocation_info{{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",pod="llm-0",namespace="serving",container="c",pod_uid="u-llm"}} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu="0",UUID="GPU-0"}} {0}
DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"}} 0.25
)",
                     busy, holder);
}

}  // namespace tessera::server
