#include "store/one_of.h"

#include <fmt/format.h>

namespace tessera::store {

std::string one_of(std::string_view column, const std::vector<std::string>& list, std::vector<Value>& values) {
  if (list.empty()) return "1 = 0";
  std::string marks;
  for (const std::string& one : list) {
    marks += marks.empty() ? "?" : ", ?";
    values.emplace_back(one);
  }
  return fmt::format("{} IN ({})", column, marks);
}

}  // namespace tessera::store
