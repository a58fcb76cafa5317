#pragma once
// The field CSV as a source that may change while the agent runs: a new file, a swapped symlink (as Kubernetes does
// with ConfigMaps), a SIGHUP. A bad file never replaces a good set.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/fields.h"
#include "base/result.h"

namespace tessera::agent {

/// Owned by the collecting thread.
class FieldSource {
 public:
  /// `path` empty: the built-in set. An error names file, line and column.
  static Result<std::unique_ptr<FieldSource>> open(std::string path, DcgmNames names);

  /// Reads the file again if it changed, or in any case if `forced`; logs a bad one and keeps the last good set.
  void refresh(bool forced);

  const std::shared_ptr<const FieldSet>& fields() const { return fields_; }
  bool last_reload_ok() const { return ok_; }

 private:
  /// Which file it is, after all symlinks, and when it changed, in nanoseconds.
  struct Stamp {
    std::uint64_t device, file;
    std::int64_t modified, changed;
    std::int64_t size;
    bool operator==(const Stamp&) const = default;
  };
  FieldSource(std::string path, DcgmNames names) : path_(std::move(path)), names_(names) {}
  std::optional<Stamp> stamp() const;
  Result<std::shared_ptr<const FieldSet>> read() const;

  std::string path_;
  DcgmNames names_;
  std::shared_ptr<const FieldSet> fields_;
  std::optional<Stamp> seen_;
  bool ok_ = true;
};

}  // namespace tessera::agent
