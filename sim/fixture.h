// Test support: a scenario and a state directory of their own, and the built library opened as any program would.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/library.h"
#include "sim/node.h"

namespace tessera::sim {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

// "current" or a generation such as "r470".
std::string built_library(const std::string& generation = "current");
std::string built_program();
std::string shipped_scenario(const std::string& name);

struct Finished {
  int code;
  std::string output;  // both streams
};
// Runs tessera-sim with these arguments in this process's environment.
Finished run_tool(const std::string& arguments);

// One driver per test process: the environment names its scenario and state.
class Driver {
 public:
  // `gpus` is the list below "gpus:"; more of the node may follow it.
  explicit Driver(const std::string& gpus, const std::string& generation = "current", const std::string& node = "");
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  const Library& operator*() const { return *library_; }
  const Library* operator->() const { return library_.get(); }
  nvml::abi::Device gpu(unsigned index = 0) const;
  nvml::abi::Device mig(unsigned gpu, unsigned slot) const;
  // The same node, opened as tessera-sim opens it: what it sets must show in the library.
  Node& node() { return *node_; }
  const TemporaryDirectory& directory() const { return directory_; }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Library> library_;
  std::shared_ptr<Node> node_;
};

}  // namespace tessera::sim
