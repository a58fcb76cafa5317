#pragma once
// Strings that repeat, each kept once and known by a number.
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "relay/index_table.h"

namespace tessera::relay {

/// Numbers are given in order, from 0, which is the empty string. Nothing is ever taken out: who has forgotten much
/// builds a new one.
class Dictionary {
 public:
  Dictionary() { number({}); }
  std::uint32_t number(std::string_view text);      ///< of this text, which is added where it is new
  std::uint32_t find(std::string_view text) const;  ///< kNoRow where it is new
  std::string_view text(std::uint32_t number) const { return entries_[number].text; }  ///< lives as long as this
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }  ///< of all texts

 private:
  struct Entry {
    std::string_view text;
    std::uint64_t hash;
  };
  std::uint32_t find(std::string_view text, std::uint64_t hash) const;
  std::string_view keep(std::string_view text);

  std::vector<Entry> entries_;
  IndexTable index_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* block_at_ = nullptr;
  std::size_t block_free_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tessera::relay
