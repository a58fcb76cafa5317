#include "agent/sample_test.h"

namespace tessera::agent {
namespace {
constexpr std::uint64_t kGiB = 1ULL << 30U;

gpu::Instance instance(unsigned gi, std::string profile, unsigned slices, unsigned start, double activity) {
  gpu::Instance i;
  i.gpu_instance = gi;
  i.uuid = fmt::format("MIG-0000000{}-0000-0000-0000-000000000000", gi);
  i.profile = std::move(profile);
  i.placement = gpu::Placement{start, slices};
  i.compute_slices = i.gi_compute_slices = slices;
  i.sm_count = slices * 16;
  i.memory_bytes = slices * 10 * kGiB;
  i.readings.set(gpu::Reading::GraphicsEngineActiveRatio, activity);
  i.readings.set(gpu::Reading::MemoryUsedBytes, static_cast<double>(4 * kGiB));
  return i;
}
}  // namespace

gpu::Device whole_device(unsigned index) {
  gpu::Device d;
  d.index = index;
  d.minor = index;
  d.uuid = fmt::format("GPU-{:08}-0000-0000-0000-000000000000", index);
  d.name = "NVIDIA H100 80GB HBM3";
  d.pci_bus_id = "00000000:3B:00.0";
  d.compute_slices = 7;
  d.sm_count = 132;
  d.memory_bytes = 80 * kGiB;
  d.mig_enabled = false;
  d.profiling_supported = true;
  d.readings.set(gpu::Reading::TemperatureCelsius, 54);
  d.readings.set(gpu::Reading::GpuUtilPercent, 63);
  d.readings.set(gpu::Reading::GraphicsEngineActiveRatio, 0.5);
  d.readings.set(gpu::Reading::MemoryTotalBytes, static_cast<double>(80 * kGiB));
  d.readings.set(gpu::Reading::MemoryUsedBytes, static_cast<double>(30 * kGiB));
  return d;
}

gpu::Device mig_device(unsigned index) {
  gpu::Device d = whole_device(index);
  d.mig_enabled = true;
  d.readings.clear(gpu::Reading::GpuUtilPercent);
  d.readings.clear(gpu::Reading::GraphicsEngineActiveRatio);
  d.instances = {instance(1, "1g.10gb", 1, 0, 0.9), instance(3, "2g.20gb", 2, 2, 0.6),
                 instance(5, "1g.10gb", 1, 1, 0.8)};
  d.profiles = {{19, "1g.10gb", 1, 16U, 10 * kGiB, 7, {{0, 1}, {1, 1}}},
                {14, "2g.20gb", 2, 32U, 20 * kGiB, 3, {{0, 2}, {2, 2}}}};
  return d;
}

Session session(const Subject& subject, unsigned pid, const Workload& workload) {
  Session s;
  s.subject = subject;
  s.pid = pid;
  s.start_ticks = pid * 100;
  s.start_time = 1'700'000'000'000;
  s.command = "python3";
  s.workload = workload;
  s.outcome = workload == Workload{} ? Outcome::Host : Outcome::Pod;
  s.type = "C";
  s.memory_bytes = 1024ULL << 20U;
  s.memory_ratio = 0.0125;
  return s;
}

Observation sample_observation() {
  Observation seen;
  seen.time = 1'700'000'100'000;
  seen.driver_up = true;
  seen.snapshot.driver = {"550.54.15", "12.550.54.15", false};
  seen.snapshot.devices = {whole_device(0), mig_device(1)};
  const Subject whole = subject_of(seen.snapshot.devices[0]);
  const Subject slice = subject_of(seen.snapshot.devices[1], seen.snapshot.devices[1].instances[0]);
  seen.sessions = {session(whole, 4242, kTrain), session(whole, 4243, {}), session(slice, 4242, kServe)};
  seen.sessions[0].sm_percent = 61;
  seen.sessions[2].unallocated = true;
  seen.allocations.known = true;
  seen.allocations.asked = seen.time;
  seen.allocations.list = {{whole, kTrain, "nvidia.com/gpu", false, 0, true}};
  return seen;
}

}  // namespace tessera::agent
