#pragma once
// For tests: a driver of one device whose every answer a test can change between two calls, or in the middle of a
// collection. The simulated driver (sim/) is the fuller one; this one does what a real fleet does once in a million.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvml/api.h"
#include "nvml/calls.h"

namespace tessera::nvml {

struct FakeInstance {
  std::string uuid;
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
  unsigned slices = 1;
  unsigned gi_slices = 1;
  unsigned long long memory_mib = 9984;
  std::vector<unsigned> pids;
};

struct FakeDriver {
  FakeDriver();  // from here on it answers the calls of api()
  ~FakeDriver();
  FakeDriver(const FakeDriver&) = delete;
  FakeDriver& operator=(const FakeDriver&) = delete;

  Api api;
  std::string uuid = "GPU-1";
  std::optional<bool> mig;                           // absent: the board has no MIG
  std::vector<std::optional<FakeInstance>> slots;    // a MIG handle is the number of its slot
  std::map<std::string_view, abi::Return> refusals;  // by call
  std::function<void(std::string_view call)> before = [](std::string_view) {};
  std::map<std::string_view, int> calls;
  std::vector<abi::ProcessInfo> processes;
  std::vector<abi::ProcessUtilizationSample> samples;
  std::map<abi::u32, abi::FieldValue> fields;
  double gpm_percent = 50;
  int samples_alive = 0;
};

}  // namespace tessera::nvml
