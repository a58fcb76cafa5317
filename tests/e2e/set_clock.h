#pragma once
// The wall clock as one program sees it, which somebody sets.
#include <filesystem>
#include <map>
#include <string>

#include "base/duration.h"
#include "base/files.h"

namespace tessera::e2e {

class SetClock {
 public:
  SetClock();
  /// For the program; see moved_clock.cc.
  std::map<std::string, std::string> environment() const;
  /// From the right time, while the program runs.
  void move_by(Milliseconds offset);

 private:
  std::filesystem::path file() const { return folder_.path() / "clock"; }
  TempDir folder_;
};

}  // namespace tessera::e2e
