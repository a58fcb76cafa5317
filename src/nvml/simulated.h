#pragma once
// For tests: the reader on the simulated driver, a real shared object of several driver generations, whose scenario a
// test writes and whose devices it breaks while they are read.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/files.h"
#include "nvml/reader.h"

namespace tessera::nvml {

class ReadSimulated : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(TESSERA_SIM_TOOL)) GTEST_SKIP() << "no tessera-sim at " << TESSERA_SIM_TOOL;
    ::setenv("TESSERA_SIM_STATE", (folder.path() / "state").c_str(), 1);
    ::setenv("TESSERA_SIM_SCENARIO", (folder.path() / "scenario.yaml").c_str(), 1);
  }

  /// `gpus`: the list of the scenario's one node, a line each.
  void scenario(std::string_view gpus, std::string_view driver = "{}") {
    std::ofstream(folder.path() / "scenario.yaml") << "nodes:\n  - name: n\n    driver: " << driver << "\n    gpus:\n"
                                                   << gpus;
  }

  static std::string library(std::string_view generation = "") {
    return fmt::format("{}/{}{}libnvidia-ml.so.1", TESSERA_SIM_LIBRARIES, generation, generation.empty() ? "" : "/");
  }

  /// With patience enough for a machine that does ten other things: nothing here depends on how long a call takes.
  static ReaderOptions options(std::string_view generation = "") {
    ReaderOptions out;
    out.library = library(generation);
    out.deadline = std::chrono::minutes(1);
    out.grace = std::chrono::minutes(1);
    return out;
  }

  void open(const ReaderOptions& how = options()) {
    auto opened = Reader::open(how);
    if (!opened) throw std::runtime_error(opened.error().what);
    reader = *std::move(opened);
  }

  static void sim(const std::string& words) {
    const std::string command = fmt::format("{} {} >/dev/null", TESSERA_SIM_TOOL, words);
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  }

  /// Collects until it is so. What never becomes so ends at the test's own time limit.
  gpu::Snapshot collect_until(const std::function<bool(const gpu::Snapshot&)>& so) {
    for (;;) {
      auto snapshot = reader->collect();
      if (so(snapshot)) return snapshot;
      ::usleep(10'000);
    }
  }

  TempDir folder;
  std::unique_ptr<Reader> reader;
};

}  // namespace tessera::nvml
