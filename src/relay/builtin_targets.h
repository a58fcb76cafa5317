#pragma once
// The pods that are worth scraping without being asked for: the two exporters and the model servers. Pure: from what a
// pod says of itself to where its metrics are.
#include <cstdint>
#include <optional>
#include <string>

#include "kube/pod.h"
#include "relay/config.h"

namespace tessera::relay {

struct Recognition {
  BuiltinKind kind = BuiltinKind::TesseraAgent;
  std::string container;  ///< empty where only the pod's labels told
  std::uint16_t port = 0;
  std::string path = "/metrics";
  std::string scheme = "http";
  std::string why;      ///< what gave it away: "container 'main' runs 'vllm serve'"
  std::string problem;  ///< why it cannot be scraped; empty: it can
  std::string change;   ///< what to do about the problem
};

/// The model server in a pod. What it runs is trusted before its image, its image before its labels; a port alone tells
/// nothing.
std::optional<Recognition> recognise(const kube::Pod& pod);

/// The same for one kind, the exporters included.
std::optional<Recognition> recognise(const kube::Pod& pod, BuiltinKind kind);

/// How a pod of this kind would have been recognised, for people.
std::string marks_of(BuiltinKind kind);

}  // namespace tessera::relay
