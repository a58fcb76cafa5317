#include "bench/relay/page.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace tessera::bench {
namespace {

enum class Course : std::uint8_t { Zero, Fixed, Whole, Counter, Ratio, Decimal };

constexpr struct {
  std::string_view name, kind, help;
  Course course;
  std::uint64_t scale;
} kMetrics[] = {
    {"DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz).", Course::Whole, 1980},
    {"DEV_MEM_CLOCK", "gauge", "Memory clock frequency (in MHz).", Course::Fixed, 2619},
    {"DEV_MEMORY_TEMP", "gauge", "Memory temperature (in C).", Course::Whole, 95},
    {"DEV_GPU_TEMP", "gauge", "GPU temperature (in C).", Course::Whole, 83},
    {"DEV_POWER_USAGE", "gauge", "Power draw (in W).", Course::Decimal, 700},
    {"DEV_TOTAL_ENERGY_CONSUMPTION", "counter", "Energy since boot (in mJ).", Course::Counter, 90'000'000'000},
    {"DEV_PCIE_REPLAY_COUNTER", "counter", "Number of PCIe retries.", Course::Zero, 0},
    {"DEV_GPU_UTIL", "gauge", "GPU utilization (in %).", Course::Whole, 100},
    {"DEV_MEM_COPY_UTIL", "gauge", "Memory utilization (in %).", Course::Whole, 100},
    {"DEV_ENC_UTIL", "gauge", "Encoder utilization (in %).", Course::Zero, 0},
    {"DEV_DEC_UTIL", "gauge", "Decoder utilization (in %).", Course::Zero, 0},
    {"DEV_XID_ERRORS", "gauge", "Value of the last XID error.", Course::Zero, 0},
    {"DEV_FB_FREE", "gauge", "Framebuffer memory free (in MiB).", Course::Whole, 81'559},
    {"DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB).", Course::Whole, 81'559},
    {"DEV_NVLINK_BANDWIDTH_TOTAL", "counter", "NVLink bandwidth over all lanes.", Course::Counter, 4'000'000'000},
    {"DEV_VGPU_LICENSE_STATUS", "gauge", "vGPU license status.", Course::Fixed, 1},
    {"DEV_UNCORRECTABLE_REMAPPED_ROWS", "counter", "Rows remapped for hard errors.", Course::Zero, 0},
    {"DEV_CORRECTABLE_REMAPPED_ROWS", "counter", "Rows remapped for soft errors.", Course::Zero, 0},
    {"PROF_GR_ENGINE_ACTIVE", "gauge", "Time the graphics engine was active.", Course::Ratio, 1},
    {"PROF_SM_OCCUPANCY", "gauge", "Resident warps to the most possible.", Course::Ratio, 1},
    {"PROF_PIPE_TENSOR_ACTIVE", "gauge", "Cycles the tensor pipe was active.", Course::Ratio, 1},
    {"PROF_DRAM_ACTIVE", "gauge", "Cycles the memory interface was active.", Course::Ratio, 1},
    {"PROF_PCIE_TX_BYTES", "counter", "Bytes of active PCIe tx data.", Course::Counter, 60'000'000'000},
    {"PROF_PCIE_RX_BYTES", "counter", "Bytes of active PCIe rx data.", Course::Counter, 60'000'000'000},
};

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

void append_value(std::string& out, Course course, std::uint64_t scale, std::uint64_t seed, unsigned round) {
  const std::uint64_t fixed = mixed(seed);
  const std::uint64_t random = mixed(fixed + round);
  const auto into = std::back_inserter(out);
  switch (course) {
    case Course::Zero:
      out += '0';
      break;
    case Course::Fixed:
      fmt::format_to(into, "{}", scale);
      break;
    case Course::Whole:
      fmt::format_to(into, "{}", fixed % scale * 9 / 10 + random % (1 + scale / 10));
      break;
    case Course::Counter:
      fmt::format_to(into, "{}", fixed % scale + round * (scale / 100'000) + random % 1000);
      break;
    case Course::Ratio:
      fmt::format_to(into, "0.{:06}", random % 1'000'000);
      break;
    case Course::Decimal:
      fmt::format_to(into, "{}.{:03}", fixed % scale, random % 1000);
      break;
  }
}

template <class Value>
std::string render(const Shape& shape, unsigned node, const Value& value) {
  std::string out;
  for (unsigned m = 0; m < shape.metrics; ++m) {
    const auto& metric = kMetrics[m % std::size(kMetrics)];
    const unsigned turn = m / static_cast<unsigned>(std::size(kMetrics));
    const std::string name =
        turn == 0 ? fmt::format("{}{}", kExposed, metric.name) : fmt::format("{}{}_L{}", kExposed, metric.name, turn);
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, metric.help, metric.kind);
    for (unsigned device = 0; device < shape.devices; ++device) {
      fmt::format_to(std::back_inserter(out),
                     "{}{{gpu=\"{}\",UUID=\"GPU-{:08x}-6f1c-43d5-9a0e-{:012x}\",pci_bus_id=\"00000000:{:02X}:00.0\","
                     "device=\"nvidia{}\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"worker-{:03}\","
                     "DCGM_FI_DRIVER_VERSION=\"550.54.15\"}} ",
                     name, device, node * 2'654'435'761U, device + 1, device + 1, device, node);
      value(out, metric.course, metric.scale, (std::uint64_t{node} << 40U) + (std::uint64_t{m} << 20U) + device);
      out += '\n';
    }
  }
  return out;
}

}  // namespace

std::string page(const Shape& shape, unsigned node, unsigned round) {
  return render(shape, node, [&](std::string& out, Course course, std::uint64_t scale, std::uint64_t seed) {
    append_value(out, course, scale, seed, round);
  });
}

std::string uniform_page(const Shape& shape, unsigned node, std::uint64_t value) {
  return render(shape, node,
                [&](std::string& out, Course, std::uint64_t, std::uint64_t) { out += std::to_string(value); });
}

}  // namespace tessera::bench
