#pragma once
// A condition on a column that may be one of several.
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace tessera::store {

/// "model IN (?, ?)", with its values behind those that are there. Of an empty list nothing is: then it is "1 = 0".
std::string one_of(std::string_view column, const std::vector<std::string>& list, std::vector<Value>& values);

}  // namespace tessera::store
