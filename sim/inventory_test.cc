#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "sim/fixture.h"
#include "sim/models.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

TEST(SimLibrary, RefusesCallsBeforeInitAndAfterTheLastShutdown) {
  TemporaryDirectory directory;
  ::setenv("TESSERA_SIM_STATE", directory.path().c_str(), 1);
  ::unsetenv("TESSERA_SIM_SCENARIO");
  const auto library = Library::open(built_library());
  ASSERT_TRUE(library);
  u32 count = 0;
  Device device{};
  EXPECT_EQ((*library)->nvmlDeviceGetCount_v2(&count), kUninitialized);
  EXPECT_EQ((*library)->nvmlDeviceGetHandleByIndex_v2(0, &device), kUninitialized);
  EXPECT_STREQ((*library)->nvmlErrorString(kUninitialized), "Uninitialized");  // works before init
  ASSERT_EQ((*library)->nvmlInit_v2(), kSuccess);
  ASSERT_EQ((*library)->nvmlInit_v2(), kSuccess);
  EXPECT_EQ((*library)->nvmlShutdown(), kSuccess);
  EXPECT_EQ((*library)->nvmlDeviceGetCount_v2(&count), kSuccess);  // counted: one init is left
  EXPECT_EQ(count, 2U);
  EXPECT_EQ((*library)->nvmlShutdown(), kSuccess);
  EXPECT_EQ((*library)->nvmlDeviceGetCount_v2(&count), kUninitialized);
  EXPECT_EQ((*library)->nvmlShutdown(), kUninitialized);
}

TEST(SimLibrary, CannotBeMistakenForARealOne) {
  Driver driver("      - model: h100_sxm\n", "current", "    driver: {version: 550.54.15, cuda: 12.4}\n");
  char text[kVersionBuffer];
  ASSERT_EQ(driver->nvmlSystemGetDriverVersion(text, sizeof text), kSuccess);
  EXPECT_STREQ(text, "550.54.15-tessera-sim");
  ASSERT_EQ(driver->nvmlSystemGetNVMLVersion(text, sizeof text), kSuccess);
  EXPECT_STREQ(text, "12.550.54.15-sim");
  int cuda = 0;
  ASSERT_EQ(driver->nvmlSystemGetCudaDriverVersion_v2(&cuda), kSuccess);
  EXPECT_EQ(cuda, 12040);
  ASSERT_NE(driver->nvmlTesseraSimulated, nullptr);
  EXPECT_EQ(driver->nvmlTesseraSimulated(), 1);
  EXPECT_EQ(driver->nvmlSystemGetDriverVersion(text, 5), kInsufficientSize);
}

TEST(SimLibrary, ABadScenarioIsADriverThatDoesNotLoad) {
  TemporaryDirectory directory;
  ::setenv("TESSERA_SIM_SCENARIO", directory.write("bad.yaml", "nodes: 3\n").c_str(), 1);
  ::setenv("TESSERA_SIM_STATE", directory.path().c_str(), 1);
  const auto library = Library::open(built_library());
  ASSERT_TRUE(library);
  testing::internal::CaptureStderr();
  EXPECT_EQ((*library)->nvmlInit_v2(), kDriverNotLoaded);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("bad.yaml:1: nodes: a list expected, found '3'"),
            std::string::npos);
}

// What each model does not support, as captures of real ones show.
TEST(SimModels, AnswerAsTheRealOnesDo) {
  struct Case {
    const char* model;
    const char* name;
    Return serial, fan, remapped, retired, margin, mig, energy, memory_temperature;
    bool gpm;
  };
  constexpr Return kNo = kNotSupported;
  const Case kCases[] = {
      {"gtx_1080", "NVIDIA GeForce GTX 1080", kNo, kSuccess, kNo, kNo, kNo, kNo, kNo, kNo, false},
      {"rtx_2080_ti", "NVIDIA GeForce RTX 2080 Ti", kNo, kSuccess, kNo, kNo, kNo, kNo, kSuccess, kNo, false},
      {"rtx_4090", "NVIDIA GeForce RTX 4090", kNo, kSuccess, kNo, kNo, kNo, kNo, kSuccess, kNo, false},
      {"v100_sxm2_32gb", "Tesla V100-SXM2-32GB", kSuccess, kNo, kNo, kSuccess, kNo, kNo, kSuccess, kSuccess, false},
      {"t4", "Tesla T4", kSuccess, kNo, kNo, kSuccess, kNo, kNo, kSuccess, kNo, false},
      {"a30", "NVIDIA A30", kSuccess, kNo, kSuccess, kNo, kNo, kSuccess, kSuccess, kSuccess, false},
      {"a100_sxm4_80gb", "NVIDIA A100-SXM4-80GB", kSuccess, kNo, kSuccess, kNo, kNo, kSuccess, kSuccess, kSuccess,
       false},
      {"l40s", "NVIDIA L40S", kSuccess, kNo, kSuccess, kNo, kSuccess, kNo, kSuccess, kNo, false},
      {"h100_sxm", "NVIDIA H100 80GB HBM3", kSuccess, kNo, kSuccess, kNo, kSuccess, kSuccess, kSuccess, kSuccess, true},
      {"b200", "NVIDIA B200", kSuccess, kNo, kSuccess, kNo, kSuccess, kSuccess, kSuccess, kSuccess, true},
  };
  std::string gpus;
  for (const Case& c : kCases) gpus += std::string("      - model: ") + c.model + "\n";
  Driver driver(gpus);
  for (unsigned i = 0; i < std::size(kCases); ++i) {
    const Case& c = kCases[i];
    SCOPED_TRACE(c.model);
    const Device gpu = driver.gpu(i);
    char text[kNameBuffer];
    ASSERT_EQ(driver->nvmlDeviceGetName(gpu, text, sizeof text), kSuccess);
    EXPECT_STREQ(text, c.name);
    EXPECT_EQ(driver->nvmlDeviceGetSerial(gpu, text, sizeof text), c.serial);
    u32 a = 0, b = 0, d = 0, e = 0;
    EXPECT_EQ(driver->nvmlDeviceGetFanSpeed(gpu, &a), c.fan);
    EXPECT_EQ(driver->nvmlDeviceGetRemappedRows(gpu, &a, &b, &d, &e), c.remapped);
    int pending = 0;
    EXPECT_EQ(driver->nvmlDeviceGetRetiredPagesPendingStatus(gpu, &pending), c.retired);
    auto margin = versioned<MarginTemperature>();
    EXPECT_EQ(driver->nvmlDeviceGetMarginTemperature(gpu, &margin), c.margin);
    EXPECT_EQ(driver->nvmlDeviceGetMigMode(gpu, &a, &b), c.mig);
    u64 energy = 0;
    EXPECT_EQ(driver->nvmlDeviceGetTotalEnergyConsumption(gpu, &energy), c.energy);
    FieldValue field{};
    field.fieldId = kFieldMemoryTemperature;
    EXPECT_EQ(driver->nvmlDeviceGetFieldValues(gpu, 1, &field), kSuccess);
    EXPECT_EQ(field.nvmlReturn, c.memory_temperature);
    GpmSupport gpm{kGpmVersion, 7};
    EXPECT_EQ(driver->nvmlGpmQueryDeviceSupport(gpu, &gpm), kSuccess);
    EXPECT_EQ(gpm.isSupportedDevice, c.gpm ? 1U : 0U);
  }
}

TEST(SimModels, AreAllInTheMixedScenario) {
  const auto scenario = load_scenario(shipped_scenario("mixed_models"));
  ASSERT_TRUE(scenario) << scenario.error().what;
  std::set<std::string_view> seen;
  for (const GpuSpec& gpu : scenario->nodes[0].gpus) seen.insert(gpu.model->key);
  for (const Model& model : models()) EXPECT_TRUE(seen.contains(model.key)) << model.key;
}

TEST(SimInventory, IdentitiesAreStableAndFoundBack) {
  Driver driver("      - {model: h100_sxm, count: 3}\n      - {model: l4, minor: 9, serial: ABC}\n");
  std::set<std::string> uuids;
  for (unsigned i = 0; i < 4; ++i) {
    char uuid[kUuidBuffer];
    ASSERT_EQ(driver->nvmlDeviceGetUUID(driver.gpu(i), uuid, sizeof uuid), kSuccess);
    EXPECT_EQ(std::string(uuid).size(), 40U);
    EXPECT_TRUE(uuids.insert(uuid).second);
    Device found{};
    ASSERT_EQ(driver->nvmlDeviceGetHandleByUUID(uuid, &found), kSuccess);
    EXPECT_EQ(found, driver.gpu(i));
    PciInfo pci{};
    ASSERT_EQ(driver->nvmlDeviceGetPciInfo_v3(driver.gpu(i), &pci), kSuccess);
    EXPECT_EQ(pci.pciDeviceId & 0xFFFFU, 0x10DEU);
    ASSERT_EQ(driver->nvmlDeviceGetHandleByPciBusId_v2(pci.busIdLegacy, &found), kSuccess);
    EXPECT_EQ(found, driver.gpu(i));
  }
  u32 minor = 0;
  ASSERT_EQ(driver->nvmlDeviceGetMinorNumber(driver.gpu(3), &minor), kSuccess);
  EXPECT_EQ(minor, 9U);  // not the index
  Device none{};
  EXPECT_EQ(driver->nvmlDeviceGetHandleByUUID("GPU-00000000-0000-0000-0000-000000000000", &none), kNotFound);
  EXPECT_EQ(driver->nvmlDeviceGetHandleByIndex_v2(4, &none), kInvalidArgument);
  u32 index = 0;
  EXPECT_EQ(driver->nvmlDeviceGetIndex(reinterpret_cast<Device>(0x1234), &index),
            kInvalidArgument);  // not a handle at all
  EXPECT_EQ(driver->nvmlDeviceGetIndex(nullptr, &index), kInvalidArgument);
}

TEST(SimMemory, TotalIsReservedPlusUsedPlusFree) {
  Driver driver("      - {model: h100_sxm, unattributed: 1GiB, processes: [{pid: 5, memory: 10GiB}]}\n");
  auto v2 = versioned<MemoryV2>();
  ASSERT_EQ(driver->nvmlDeviceGetMemoryInfo_v2(driver.gpu(), &v2), kSuccess);
  EXPECT_EQ(v2.used, 11ULL << 30U);
  EXPECT_EQ(v2.total, 81559ULL << 20U);
  EXPECT_EQ(v2.total, v2.reserved + v2.used + v2.free);
  Memory v1{};
  ASSERT_EQ(driver->nvmlDeviceGetMemoryInfo(driver.gpu(), &v1), kSuccess);
  EXPECT_EQ(v1.used, v2.used + v2.reserved);  // the old call counts the reserve as used
  v2.version = 0x01000028;
  EXPECT_EQ(driver->nvmlDeviceGetMemoryInfo_v2(driver.gpu(), &v2), kArgumentVersionMismatch);
}

// ---- Generations: a function of a later header is really not there.

TEST(SimGenerations, ExportWhatTheirHeaderHad) {
  struct Case {
    const char* generation;
    bool v3_lists, memory_v2, gpm, detail_list, conf_compute, temperature_v, rows_v2;
  };
  const Case kCases[] = {{"r470", false, false, false, false, false, false, false},
                         {"r510", true, false, false, false, false, false, false},
                         {"r535", true, true, true, false, true, false, false},
                         {"r550", true, true, true, true, true, false, false},
                         {"r580", true, true, true, true, true, true, false},
                         {"current", true, true, true, true, true, true, true}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.generation);
    const auto library = Library::open(built_library(c.generation));
    ASSERT_TRUE(library) << library.error().what;
    const Library& l = **library;
    EXPECT_EQ(l.nvmlDeviceGetComputeRunningProcesses_v3 != nullptr, c.v3_lists);
    EXPECT_EQ(l.nvmlDeviceGetMemoryInfo_v2 != nullptr, c.memory_v2);
    EXPECT_EQ(l.nvmlGpmSampleGet != nullptr, c.gpm);
    EXPECT_EQ(l.nvmlDeviceGetRunningProcessDetailList != nullptr, c.detail_list);
    EXPECT_EQ(l.nvmlDeviceGetConfComputeMemSizeInfo != nullptr, c.conf_compute);
    EXPECT_EQ(l.nvmlDeviceGetTemperatureV != nullptr, c.temperature_v);
    EXPECT_EQ(l.nvmlDeviceGetRemappedRows_v2 != nullptr, c.rows_v2);
    EXPECT_NE(l.nvmlDeviceGetTemperature, nullptr);
    EXPECT_NE(l.nvmlTesseraSimulated, nullptr);
  }
}

TEST(SimGenerations, CurrentExportsEveryFunctionOfTheHeader) {
  const auto library = Library::open(built_library());
  ASSERT_TRUE(library);
#define TESSERA_EXPECT(symbol, result, parameters) EXPECT_NE((*library)->symbol, nullptr) << #symbol;
  TESSERA_NVML_FUNCTIONS(TESSERA_EXPECT)
#undef TESSERA_EXPECT
}

TEST(SimGenerations, OldOnesRefuseNewerStructsAndFields) {
  Driver driver("      - {model: h100_sxm, mig: {}}\n", "r535");
  auto v2 = versioned<GpuInstanceProfileInfoV2>();
  auto v3 = versioned<GpuInstanceProfileInfoV3>();
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceProfileInfoV(driver.gpu(), kGi1Slice, &v2), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceProfileInfoV(driver.gpu(), kGi1Slice, &v3), kArgumentVersionMismatch);
  FieldValue fields[2] = {};
  fields[0].fieldId = kFieldPowerInstant;  // 12.2
  fields[1].fieldId = kFieldPcieTxBytes;   // 12.5
  ASSERT_EQ(driver->nvmlDeviceGetFieldValues(driver.gpu(), 2, fields), kSuccess);
  EXPECT_EQ(fields[0].nvmlReturn, kSuccess);
  EXPECT_EQ(fields[1].nvmlReturn, kNotSupported);
}

TEST(SimGenerations, DroppedFunctionsAreNotFound) {
  TemporaryDirectory directory;
  const Finished dropped = run_tool("--library " + built_library() +
                                    " drop nvmlDeviceGetMemoryInfo_v2 nvmlDeviceGetSerial --to " + directory.path());
  ASSERT_EQ(dropped.code, 0) << dropped.output;
  const auto library = Library::open(directory.path() + "/libnvidia-ml.so.1");
  ASSERT_TRUE(library) << library.error().what;
  EXPECT_EQ((*library)->nvmlDeviceGetMemoryInfo_v2, nullptr);
  EXPECT_EQ((*library)->nvmlDeviceGetSerial, nullptr);
  EXPECT_NE((*library)->nvmlDeviceGetMemoryInfo, nullptr);
  EXPECT_NE(run_tool("drop nvmlNoSuchThing --to " + directory.path()).code, 0);
}

}  // namespace
}  // namespace tessera::sim
