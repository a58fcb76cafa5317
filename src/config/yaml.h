#pragma once
// YAML as settings are written in it: a finished document, and a view that says of every wrong value where it stands
// and what was expected there. No third-party type leaves this room, nothing throws, and hostile input has limits.
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::config {

struct Tree;  // yaml.cc

/// One value of a document. Cheap to copy; keeps the document alive. Immutable, so any thread may read it.
///
/// Every getter's error reads `FILE:LINE:COLUMN: PATH: expected X, found Y` and has Code::Invalid.
class Node {
 public:
  struct Entry;

  bool is_null() const;  ///< nothing there, `null` or `~`
  bool is_map() const;
  bool is_list() const;
  int line() const;                                  ///< from 1
  int column() const;                                ///< from 1
  const std::string& path() const { return path_; }  ///< "scrape_configs[0].job_name"; empty at the top

  Result<std::string> text() const;  ///< any single value but null, quoted or not
  Result<bool> flag() const;         ///< true, false, and YAML 1.1's yes, no, on, off
  Result<std::int64_t> integer(std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                               std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  Result<double> number(double least = std::numeric_limits<double>::lowest(),
                        double most = std::numeric_limits<double>::max()) const;
  Result<Milliseconds> duration() const;           ///< "15s", "1h30m"
  Result<std::vector<Node>> list() const;          ///< null is an empty one
  Result<std::vector<std::string>> texts() const;  ///< a list of single values
  Result<std::vector<Entry>> entries() const;      ///< of a map, in order; null is an empty one
  Result<std::map<std::string, std::string>> text_map() const;
  /// One of these words; the error names the nearest.
  Result<std::string> word(const std::vector<std::string_view>& allowed) const;

  /// The value at a key of a map; nullopt where this is no map or has no such key.
  std::optional<Node> find(std::string_view key) const;

  /// Invalid where this is no map (null is an empty one), or for the first key that is not `known`: with its place and
  /// the nearest known one.
  Result<void> only(const std::vector<std::string_view>& known) const;

  /// Reads the value at a key of this map into a variable, which keeps its value where the key is absent or null.
  Result<void> read(std::string_view key, std::string& into) const;
  Result<void> read(std::string_view key, bool& into) const;
  Result<void> read(std::string_view key, Milliseconds& into) const;
  Result<void> read(std::string_view key, std::vector<std::string>& into) const;
  Result<void> read(std::string_view key, std::map<std::string, std::string>& into) const;

  /// An error about this value, with its place in front: error("there is no user '{}'", …).
  Error error(std::string_view what) const;

  /// The same about a key of this map, with the place of the key itself (a long value begins on another line).
  Error key_error(std::string_view key, std::string_view what) const;

 private:
  friend Result<Node> load(std::string_view text, std::string_view file);
  Node(std::shared_ptr<const std::string> file, std::shared_ptr<const Tree> tree, std::string path);
  Node child(std::shared_ptr<const Tree> tree, std::string path) const;
  Error expected(std::string_view what) const;

  std::shared_ptr<const std::string> file_;
  std::shared_ptr<const Tree> tree_;
  std::string path_;
};

struct Node::Entry {
  std::string key;
  Node value;
};

/// Reads one document; an empty one is null. `file` is for errors only. Invalid for what is no YAML, for a key that is
/// there twice, and for what exceeds a limit: 4 MiB, 64 levels, 100,000 values with aliases counted as often as they
/// are used (so that a few lines of aliases cannot become a billion values). Tags other than the common ones, merge
/// keys (`<<`) and keys that are no single value are refused.
Result<Node> load(std::string_view text, std::string_view file);

/// load() of a file's text.
Result<Node> load_file(const std::string& path);

}  // namespace tessera::config
