#pragma once
// The strings of one request, each once, numbered from 1 in the order of their first use; 0 is the empty string. Kept
// as the `symbols` of version 2 are written, so that writing them is a copy.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::wire {

class SymbolTable {
 public:
  SymbolTable();

  /// The number of a string, a new one if it is new.
  std::uint32_t ref(std::string_view text);

  std::string_view text(std::uint32_t ref) const {
    return std::string_view(encoded_).substr(places_[ref].begin, places_[ref].size);
  }
  std::size_t size() const { return places_.size(); }

  /// Field 4 of the message, once per symbol.
  const std::string& encoded() const { return encoded_; }

  /// Forgets all but the empty string. Memory stays, unless it is far more than the strings just forgotten needed.
  void clear();

 private:
  struct Place {
    std::uint32_t begin, size;
  };
  struct Slot {  ///< open addressing, linear probing; at most half full
    std::uint32_t hash = 0;
    std::uint32_t ref = 0;  ///< 0: free
  };
  void add(std::string_view text);
  void grow();

  std::string encoded_;
  std::vector<Place> places_;
  std::vector<Slot> slots_;
};

}  // namespace tessera::wire
