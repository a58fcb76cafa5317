#include "nvml/gpm.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

using gpu::Reading;
using Kind = GpmRow::Kind;

constexpr GpmRow kRows[] = {
    {abi::kGpmGraphicsActive, Reading::GraphicsEngineActiveRatio, Kind::Ratio},
    {abi::kGpmSmActive, Reading::SmActiveRatio, Kind::Ratio},
    {abi::kGpmSmOccupancy, Reading::SmOccupancyRatio, Kind::Ratio},
    {abi::kGpmTensor, Reading::TensorActiveRatio, Kind::Ratio},
    {abi::kGpmDram, Reading::DramActiveRatio, Kind::Ratio},
    {abi::kGpmFp64, Reading::Fp64ActiveRatio, Kind::Ratio},
    {abi::kGpmFp32, Reading::Fp32ActiveRatio, Kind::Ratio},
    {abi::kGpmFp16, Reading::Fp16ActiveRatio, Kind::Ratio},
    {abi::kGpmPcieTx, Reading::PcieTxBytesPerSecond, Kind::Link},
    {abi::kGpmPcieRx, Reading::PcieRxBytesPerSecond, Kind::Link},
    {abi::kGpmNvLinkRx, Reading::NvlinkRxBytesPerSecond, Kind::Link},
    {abi::kGpmNvLinkTx, Reading::NvlinkTxBytesPerSecond, Kind::Link},
};

constexpr double kMib = 1024.0 * 1024.0;

void copy_present(const gpu::Readings& from, gpu::Readings& to) {
  for (const GpmRow& row : kRows)
    if (const auto value = from[row.reading]) to.set(row.reading, *value);
}

}  // namespace

std::span<const GpmRow> gpm_rows() { return kRows; }

std::optional<double> gpm_value(Kind kind, double value, std::uint64_t& clamped) {
  if (!std::isfinite(value) || value < 0) return std::nullopt;
  if (kind == Kind::Link) return value * kMib;
  if (value > 100) ++clamped;
  return std::min(value / 100, 1.0);
}

GpmSupport gpm_support(const Api& api, abi::Device device) {
  if (!api.nvmlGpmQueryDeviceSupport || !api.nvmlGpmSampleAlloc || !api.nvmlGpmSampleFree || !api.nvmlGpmSampleGet ||
      !api.nvmlGpmMetricsGet)
    return {false, "this driver has no GPM: profiling without DCGM needs driver 520 or later"};
  abi::GpmSupport support{abi::kGpmVersion, 0};
  const abi::Return code = api.nvmlGpmQueryDeviceSupport(device, &support);
  if (code == abi::kSuccess && support.isSupportedDevice) return {true, ""};
  if (code == abi::kSuccess || is_absent(code))
    return {false, "this board has no GPM: it comes with Hopper; on older boards run dcgm-exporter beside this agent"};
  return {false, fmt::format("asking for GPM failed: {}", describe(api, code))};
}

void Gpm::Free::operator()(abi::GpmSample sample) const {
  if (!library->left_loaded()) library->api().nvmlGpmSampleFree(sample);
}

Gpm::Sample Gpm::allocate() const {
  abi::GpmSample sample = nullptr;
  if (library_->api().nvmlGpmSampleAlloc(&sample) != abi::kSuccess) sample = nullptr;
  return Sample(sample, Free{library_});
}

bool Gpm::take(Asking& device, abi::Device mig_handle, abi::GpmSample sample) const {
  const Api& api = library_->api();
  if (!gpu_instance_) return device.ask(Call::GpmSample, api.nvmlGpmSampleGet, sample);
  if (!device.may_ask(Call::InstanceGpmSample, true)) return false;
  // The code is not for `device` to judge: an instance that just went says "invalid", which is no trait of the board.
  const abi::Return code = api.nvmlGpmMigSampleGet ? api.nvmlGpmMigSampleGet(device.handle, *gpu_instance_, sample)
                                                   : api.nvmlGpmSampleGet(mig_handle, sample);
  if (is_absent(code) || code == abi::kNoPermission) device.note(Call::InstanceGpmSample, code);
  return code == abi::kSuccess;
}

std::uint64_t Gpm::read(Asking& device, abi::Device mig_handle, gpu::Readings& out) {
  const SteadyTime now = device.clock();
  if (sampled_ && now < time_ + kLeastWindow) {
    copy_present(last_, out);
    return 0;
  }
  if (!older_) older_ = allocate();
  if (!newer_) newer_ = allocate();
  if (!older_ || !newer_) return 0;
  older_.swap(newer_);  // what was the newer sample is now the older one
  const bool had_one = sampled_;
  last_ = {};
  sampled_ = take(device, mig_handle, newer_.get());
  time_ = device.clock();
  if (!sampled_ || !had_one) return 0;
  const std::uint64_t clamped = compute(library_->api(), last_);
  copy_present(last_, out);
  return clamped;
}

std::uint64_t Gpm::compute(const Api& api, gpu::Readings& out) const {
  std::array<const GpmRow*, std::size(kRows)> asked{};
  abi::GpmMetricsGet get;  // 13 KB of which the driver reads the first numMetrics entries: only those are filled
  get.version = abi::kGpmVersion;
  get.numMetrics = 0;
  get.sample1 = older_.get();
  get.sample2 = newer_.get();
  for (const GpmRow& row : kRows) {
    if (gpu_instance_ && row.kind == Kind::Link) continue;
    asked[get.numMetrics] = &row;
    get.metrics[get.numMetrics] = {};
    get.metrics[get.numMetrics++].metricId = row.id;
  }
  if (api.nvmlGpmMetricsGet(&get) != abi::kSuccess) return 0;
  std::uint64_t clamped = 0;
  for (std::size_t i = 0; i < asked.size() && asked[i]; ++i) {
    if (get.metrics[i].nvmlReturn != abi::kSuccess) continue;
    if (const auto value = gpm_value(asked[i]->kind, get.metrics[i].value, clamped)) out.set(asked[i]->reading, *value);
  }
  return clamped;
}

}  // namespace tessera::nvml
