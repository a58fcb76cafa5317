#pragma once
// The newest document that was acted on, kept over restarts, so that an older one is not taken again.
#include <filesystem>

#include "agent/layout/acceptance.h"

namespace tessera::agent::layout {

class Memory {
 public:
  /// Makes the folder if it is missing. Invalid where its file is not this node's or cannot be read as ours: it is
  /// never passed over, because without it an old document would be taken again.
  static Result<Memory> open(const std::filesystem::path& folder, const Ourselves& us);

  const Newest& newest() const { return newest_; }
  /// Before anything is done for a document. The file is on the disk when this returns without an error.
  Result<void> remember(const Newest& next);

 private:
  Memory(std::filesystem::path file, Ourselves us) : file_(std::move(file)), us_(std::move(us)) {}
  Result<void> read();
  std::filesystem::path file_;
  Ourselves us_;
  Newest newest_;
};

}  // namespace tessera::agent::layout
