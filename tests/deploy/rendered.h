#pragma once
// What helm makes of the chart: objects, and the rules that an API server, or the objects among themselves, would hold
// them to.
#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/child.h"

namespace tessera::e2e {

/// Empty where it is not on this machine.
std::string helm();

/// `helm WORDS... CHART`, its output and its exit code. `values`: a file of them, as YAML. `environment`: where its
/// cluster and its own files are; without one there is no cluster.
Finished run_helm(std::vector<std::string> words, const std::string& values = "", const std::string& chart = "",
                  std::map<std::string, std::string> environment = {});

struct Release {
  std::string name = "tessera";
  std::string space = "gpu";  ///< the namespace
};

class Objects {
 public:
  Objects() = default;
  /// The objects of a stream of YAML documents; empty documents do not count, and neither do hooks of helm.
  explicit Objects(const std::string& text);

  const std::vector<YAML::Node>& all() const { return objects_; }
  std::vector<YAML::Node> of(const std::string& kind) const;
  /// "Kind/name", sorted.
  std::set<std::string> names() const;
  /// The text of `Kind/name:path.to.0.value`, where a dot in a key is written as a backslash and a dot; "-" where it is
  /// absent, and
  /// "{}" for a map or list.
  std::string at(const std::string& where) const;

 private:
  std::vector<YAML::Node> objects_;
};

/// Fails the test for every object that is not as it must be. `given`: what stands in the cluster already,
/// "Secret/mine".
void expect_well_formed(const Objects& objects, const Release& release, const std::set<std::string>& given);

}  // namespace tessera::e2e
