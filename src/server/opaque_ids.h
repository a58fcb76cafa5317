#pragma once
// Names for numbers that tell nothing of them: the number of an event says how much has happened that not everybody may
// see. Those of another process are no names here.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::server {

/// Thread-safe.
class OpaqueIds {
 public:
  OpaqueIds();
  std::string of(std::uint64_t number) const;  ///< 32 hex digits
  std::optional<std::uint64_t> number(std::string_view id) const;

 private:
  std::array<unsigned char, 16> key_{};  ///< made at random
};

}  // namespace tessera::server
