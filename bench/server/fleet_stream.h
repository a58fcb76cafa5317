#pragma once
// What the agents of a whole fleet would send, made fast enough to load a server from one core: the page of one real
// agent as a remote-write request, in which the names of node, devices and pods, the times and the values are replaced.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "wire/compression.h"

namespace tessera::bench {

/// The node's name that the page's agent must have been given.
inline constexpr std::string_view kTemplateNode = "bench-000000";

/// One sender's; not thread-safe.
class FleetStream {
 public:
  /// Throws std::runtime_error where the page cannot stand for a fleet.
  explicit FleetStream(const std::string& page);

  /// Of one node at one time: remote write 1.0, compressed. Valid until the next call.
  std::string_view body(unsigned node, EpochMs time);

  std::size_t samples() const { return times_.size(); }  ///< of one node, as many as it has series

 private:
  std::string message_;
  std::vector<std::size_t> node_digits_;                ///< where each stands in message_: six decimal digits
  std::vector<std::size_t> id_digits_;                  ///< six hexadecimal ones
  std::vector<std::size_t> times_;                      ///< varints of six bytes
  std::vector<std::pair<std::size_t, double>> values_;  ///< those that change, as the page has them
  wire::Compressor compressor_{wire::Compression::Snappy};
};

}  // namespace tessera::bench
