#pragma once
#include <string>

namespace tessera::kube_stub {

/// Who writes, and how.
struct Writer {
  std::string manager = "unknown";
  bool force = false;
  std::string user{};  ///< of the token; empty: anybody may do anything
};

}  // namespace tessera::kube_stub
