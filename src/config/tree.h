#pragma once
// Inside the room: a parsed document, whose aliases share what they stand for.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::config {

struct Tree {
  enum class Kind { Null, Value, List, Map };
  struct Child {
    std::string key;  ///< empty in a list
    int key_line = 0, key_column = 0;
    std::shared_ptr<const Tree> value;
  };

  Kind kind = Kind::Null;
  std::string text;     ///< of a Value
  bool quoted = false;  ///< then `text` is text, whatever it looks like
  int line = 1, column = 1;
  std::vector<Child> children;  ///< of a List or a Map, whose keys are different
  std::size_t values = 1;       ///< with all below it, aliases counted at each use
  std::size_t depth = 1;        ///< levels, itself included
};

/// Invalid with file, line and column. Never throws for any bytes.
Result<std::shared_ptr<const Tree>> parse_yaml(std::string_view text, std::string_view file);

}  // namespace tessera::config
