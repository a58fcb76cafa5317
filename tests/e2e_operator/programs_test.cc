// tessera-operator as people run it: what it prints for a GpuMonitor are settings that the relay and the server take.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "config/yaml.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {
namespace {

using testing::HasSubstr;

const std::string kBin = TESSERA_BUILD_DIR "/bin/";

/// The files of all ConfigMaps that are printed for a resource, by name.
std::map<std::string, std::string> files_for(const std::string& resource) {
  const Finished printed = run({kBin + "tessera-operator", "--once", "--dry-run", "--file", resource});
  EXPECT_EQ(printed.code, 0) << printed.output;
  std::map<std::string, std::string> out;
  for (std::size_t at = 0; at < printed.output.size();) {
    const auto end = std::min(printed.output.find("\n---\n", at), printed.output.size());
    const auto object = config::load(std::string_view(printed.output).substr(at, end - at + 1), "printed");
    if (!object) {
      ADD_FAILURE() << object.error().what;
      break;
    }
    if (const auto data = object->find("data"))
      for (const auto& [name, value] : *data->entries()) out[name] = *value.text();
    at = end + 5;
  }
  return out;
}

/// What a program says of its settings.
Finished checked(const std::string& program, const std::string& text) {
  const TempDir folder;
  const std::string file = (folder.path() / "settings.yaml").string();
  EXPECT_TRUE(write_file_atomically(file, text));
  return run({kBin + program, "--check-config", file});
}

TEST(Programs, TakeWhatTheOperatorWritesForThem) {
  int relays = 0, servers = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_SOURCE_DIR "/src/operator/golden")) {
    const std::string resource = entry.path().string();
    if (resource.ends_with(".objects.yaml")) continue;
    const auto files = files_for(resource);
    for (const auto& [name, program, count] :
         {std::tuple{"relay.yaml", "tessera-relay", &relays}, {"server.yaml", "tessera-server", &servers}}) {
      const auto text = files.find(name);
      if (text == files.end()) continue;
      const Finished said = checked(program, text->second);
      EXPECT_EQ(said.code, 0) << resource << ": " << said.output;
      for (const std::string_view line : split(said.output, '\n'))  // keys are in the cluster, not here
        EXPECT_TRUE(line.find("warn") == std::string_view::npos || line.ends_with("cannot be read here"))
            << resource << ": " << line;
      ++*count;
    }
  }
  EXPECT_GE(relays, 3);
  EXPECT_GE(servers, 3);
}

TEST(Programs, TheOperatorSaysWhereAResourceIsWrong) {
  const TempDir folder;
  const std::string file = (folder.path() / "monitor.yaml").string();
  ASSERT_TRUE(write_file_atomically(file,
                                    "apiVersion: tessera.dev/v1alpha1\nkind: GpuMonitor\nmetadata: {name: gpus}\n"
                                    "spec:\n  features:\n    k8sAgent:\n      gpuMonitorin:\n        enabled: true\n"));
  const Finished refused = run({kBin + "tessera-operator", "--once", "--dry-run", "--file", file});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output,
              HasSubstr(file + ":7:7: spec.features.k8sAgent.gpuMonitorin: this key is not known; did you "
                               "mean 'gpuMonitoring'?"));
  EXPECT_EQ(run({kBin + "tessera-operator", "--once"}).code, 2);
}

}  // namespace
}  // namespace tessera::e2e
