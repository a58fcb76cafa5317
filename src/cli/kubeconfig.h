#pragma once
// Where a person's cluster is, and as whom he asks: by flag, by kubeconfig, or as a pod of it.
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/node.h"
#include "kube/api.h"

namespace tessera::cli {

struct ClusterPlace {
  std::string api{};         ///< URL of a `kubectl proxy`, who knows as whom to ask; empty: by kubeconfig
  std::string kubeconfig{};  ///< path; empty: $KUBECONFIG, else in a pod its own account, else ~/.kube/config
  std::string context{};     ///< empty: the file's current one
  Milliseconds patience{5'000};
};

/// NotFound where no file is there, Invalid for one that cannot be used, with what to do.
Result<kube::ApiServer> find_api_server(const ClusterPlace& place, const Environment& environment);

/// Of a file's text. `folder` is what its relative paths start from.
Result<kube::ApiServer> read_kubeconfig(std::string_view text, const std::string& file, const std::string& context);

}  // namespace tessera::cli
