#include "relay/file_names.h"

#include <algorithm>
#include <filesystem>

namespace tessera::relay {

std::vector<std::string> files_named(const std::string& pattern) {
  namespace fs = std::filesystem;
  const fs::path path(pattern);
  const std::string last = path.filename();
  const auto star = last.find('*');
  if (star == std::string::npos) return {pattern};
  const std::string head = last.substr(0, star), tail = last.substr(star + 1);
  std::vector<std::string> names;
  std::error_code unreadable;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    const std::string name = entry.path().filename();
    if (name.size() + 1 >= last.size() && name.starts_with(head) && name.ends_with(tail)) names.push_back(entry.path());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace tessera::relay
