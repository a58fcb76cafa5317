#pragma once
// Strings that repeat, each kept once and known by a number.
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tessera::relay {

/// Numbers are given in order, from 0. Nothing is ever taken out: who has forgotten much builds a new one.
class Dictionary {
 public:
  Dictionary();
  std::uint32_t number(std::string_view text);  ///< of this text, which is added where it is new
  std::string_view text(std::uint32_t number) const { return entries_[number].text; }  ///< lives as long as this
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string_view text;
    std::uint64_t hash;
  };
  std::string_view keep(std::string_view text);
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  ///< open addressing: number + 1, or 0; a power of two, at most half full
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_free_ = 0;
  char* block_at_ = nullptr;
};

}  // namespace tessera::relay
