#include "sim/fixture.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tessera::sim {

using namespace nvml::abi;

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "tessera-sim-XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
std::string TemporaryDirectory::write(const std::string& name, const std::string& text) const {
  std::ofstream(path_ + "/" + name, std::ios::binary) << text;
  return path_ + "/" + name;
}

std::string built_library(const std::string& generation) {
  const std::string folder = generation == "current" ? "" : generation + "/";
  return std::string(TESSERA_SIM_BUILD) + "/" + folder + "libnvidia-ml.so.1";
}
std::string built_program() { return TESSERA_SIM_TOOL; }
std::string shipped_scenario(const std::string& name) {
  return std::string(TESSERA_SIM_SOURCE) + "/scenarios/" + name + ".yaml";
}

Finished run_tool(const std::string& arguments) {
  FILE* out = ::popen((built_program() + " " + arguments + " 2>&1").c_str(), "r");
  Finished finished{-1, {}};
  char chunk[4096];
  while (const std::size_t count = std::fread(chunk, 1, sizeof chunk, out)) finished.output.append(chunk, count);
  const int status = ::pclose(out);
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

Driver::Driver(const std::string& gpus, const std::string& generation, const std::string& node) {
  const std::string file = directory_.write("scenario.yaml", "nodes:\n  - name: n\n" + node + "    gpus:\n" + gpus);
  ::setenv("TESSERA_SIM_SCENARIO", file.c_str(), 1);
  ::setenv("TESSERA_SIM_STATE", (directory_.path() + "/state").c_str(), 1);
  ::unsetenv("TESSERA_SIM_NODE");
  auto opened = Node::open({});
  if (!opened) {
    ADD_FAILURE() << opened.error().what;
    std::abort();
  }
  node_ = *std::move(opened);
  auto library = Library::open(built_library(generation));
  if (!library) {
    ADD_FAILURE() << library.error().what;
    std::abort();
  }
  library_ = *std::move(library);
  EXPECT_EQ(library_->nvmlInit_v2(), kSuccess);
}
Driver::~Driver() { library_->nvmlShutdown(); }

Device Driver::gpu(unsigned index) const {
  Device device{};
  EXPECT_EQ(library_->nvmlDeviceGetHandleByIndex_v2(index, &device), kSuccess);
  return device;
}
Device Driver::mig(unsigned gpu_index, unsigned slot) const {
  Device device{};
  EXPECT_EQ(library_->nvmlDeviceGetMigDeviceHandleByIndex(gpu(gpu_index), slot, &device), kSuccess);
  return device;
}

}  // namespace tessera::sim
