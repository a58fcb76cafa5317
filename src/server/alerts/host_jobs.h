#pragma once
// Which processes outside of pods are jobs: the others are the platform's own (DCGM, MPS, a display server), which hold
// memory, are idle and run for months as they are meant to.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace tessera::server {

/// Immutable; copies share the patterns.
class HostJobs {
 public:
  /// Regular expressions, each of a whole command.
  static Result<HostJobs> of(const std::vector<std::string>& patterns);

  /// False of one that nobody knows, which is told as an empty one.
  bool contain(std::string_view command) const;

 private:
  std::vector<std::shared_ptr<const re2::RE2>> patterns_;
};

}  // namespace tessera::server
