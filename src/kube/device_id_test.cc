#include <gtest/gtest.h>

#include <ostream>

#include "kube/pod_resources.h"

namespace tessera::kube {

void PrintTo(const DeviceRef& ref, std::ostream* out) {
  const auto shown = [](const std::optional<unsigned>& value) { return value ? std::to_string(*value) : "-"; };
  *out << "uuid=" << ref.uuid << " minor=" << shown(ref.minor) << " gi=" << shown(ref.gpu_instance)
       << " ci=" << shown(ref.compute_instance) << " profile=" << shown(ref.mig_profile)
       << " start=" << shown(ref.mig_start) << " replica=" << ref.replica;
}

namespace {

const std::string kUuid = "3f0a9c1e-7b24-4d86-95aa-0e1d2c3b4f58";
const std::string kGpu = "GPU-" + kUuid;
const std::string kMig = "MIG-" + kUuid;

TEST(DeviceId, ReadsEveryForm) {
  const struct {
    std::string id;
    DeviceRef want;
  } cases[] = {
      {kGpu, {.uuid = kGpu}},
      {kMig, {.uuid = kMig}},
      {"GPU-3F0A9C1E-7B24-4D86-95AA-0E1D2C3B4F58", {.uuid = kGpu}},
      {kGpu + "::0", {.uuid = kGpu, .replica = "0"}},
      {kGpu + "::17", {.uuid = kGpu, .replica = "17"}},
      {kMig + "::3", {.uuid = kMig, .replica = "3"}},
      {kGpu + "-7", {.uuid = kGpu, .replica = "7"}},
      {kMig + "-0", {.uuid = kMig, .replica = "0"}},
      {"MIG-GPU-" + kUuid + "/9/0", {.uuid = kGpu, .gpu_instance = 9, .compute_instance = 0}},
      {"MIG-GPU-" + kUuid + "/9/1::2", {.uuid = kGpu, .gpu_instance = 9, .compute_instance = 1, .replica = "2"}},
      {"nvidia0", {.minor = 0}},
      {"nvidia15", {.minor = 15}},
      {"nvidia0/gi3", {.minor = 0, .gpu_instance = 3}},
      {"nvidia1/vgpu0", {.minor = 1, .replica = "0"}},
      {"nvidia1/gi5/vgpu12", {.minor = 1, .gpu_instance = 5, .replica = "12"}},
      {"gpu-0", {.minor = 0}},
      {"gpu-12345678", {.minor = 12345678}},
      {"gpu-2-mig-1g5gb-19-4", {.minor = 2, .mig_profile = 19, .mig_start = 4}},
      {"gpu-0-mig-1g10gb-me-20-0", {.minor = 0, .mig_profile = 20, .mig_start = 0}},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_device_id(c.id), c.want) << c.id;
}

TEST(DeviceId, KnowsNoOther) {
  for (const auto& id : {std::string(),
                         std::string("all"),
                         std::string("tegra"),
                         kUuid,
                         "TPU-" + kUuid,
                         std::string("GPU-"),
                         kGpu + "0",
                         kGpu + "-",
                         kGpu + "-x",
                         kGpu + "::",
                         kGpu + "::x",
                         kGpu + "::0::1",
                         kGpu + "-1::0",
                         kGpu + "/1",
                         "MIG-GPU-" + kUuid,
                         "MIG-GPU-" + kUuid + "/1",
                         "MIG-GPU-" + kUuid + "/1/",
                         "MIG-GPU-" + kUuid + "/1/0/0",
                         "MIG-GPU-" + kUuid + "//0",
                         std::string("GPU-3f0a9c1e_7b24-4d86-95aa-0e1d2c3b4f58"),
                         std::string("GPU-3f0a9c1g-7b24-4d86-95aa-0e1d2c3b4f58"),
                         std::string("nvidia"),
                         std::string("nvidiactl"),
                         std::string("nvidia-uvm"),
                         std::string("nvidia0/"),
                         std::string("nvidia0/gi"),
                         std::string("nvidia0/gi1/"),
                         std::string("nvidia0/vgpu"),
                         std::string("nvidia0/vgpu1/gi1"),
                         std::string("nvidia0/vgpu1::0"),
                         std::string("nvidia99999999999"),
                         std::string("gpu-vfio-0"),
                         std::string("gpu-0-"),
                         std::string("gpu-0-mig-"),
                         std::string("gpu-0-mig-19-0"),
                         std::string("gpu-0-mig--19-0"),
                         std::string("gpu-0-mig-1g5gb-19-"),
                         std::string("gpu-0-mig-1g5gb-x-0"),
                         std::string("0000:3b:02.1")})
    EXPECT_EQ(parse_device_id(id), std::nullopt) << id;
}

}  // namespace
}  // namespace tessera::kube
