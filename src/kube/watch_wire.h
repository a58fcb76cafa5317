#pragma once
// The bytes of lists and watches: pages, lines, and what an object is called. Pure.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::kube {

/// Lines from chunks that are cut anywhere. Empty lines are passed over.
class LineCutter {
 public:
  explicit LineCutter(std::size_t most_bytes) : most_bytes_(most_bytes) {}
  /// Calls `take` with each line that is complete, without its end, until `take` says no. Invalid when a line is longer
  /// than it may be; nothing can be fed after either.
  Result<void> feed(std::string_view chunk, const std::function<bool(std::string_view)>& take);
  bool inside_line() const { return !begun_.empty(); }

 private:
  std::size_t most_bytes_;
  std::string begun_;
};

/// An object as text, and what tells it from others.
struct ObjectText {
  std::string key{};      ///< "namespace/name", or "name" where it has no namespace
  std::string uid{};      ///< may be empty in lists of odd servers
  std::string version{};  ///< resourceVersion: compared for equality only
  std::string_view json{};
};
Result<ObjectText> read_object(std::string_view json);

struct WatchLine {
  enum class Type { Added, Modified, Deleted, Bookmark, Error };
  Type type = Type::Error;
  std::string_view object{};
};
Result<WatchLine> read_watch_line(std::string_view line);

struct ListPage {
  std::string version{};    ///< of the list
  std::string continue_{};  ///< empty: this was the last page
  std::vector<ObjectText> items{};
};
/// Views into `json`. Objects of a list say neither kind nor apiVersion.
Result<ListPage> read_list_page(std::string_view json);

}  // namespace tessera::kube
