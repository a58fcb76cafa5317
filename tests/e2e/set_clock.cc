#include "tests/e2e/set_clock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>

namespace tessera::e2e {

SetClock::SetClock() { EXPECT_TRUE(write_file_atomically(file(), std::string(sizeof(std::int64_t), '\0'))); }

std::map<std::string, std::string> SetClock::environment() const {
  return {{"LD_PRELOAD", MOVED_CLOCK_LIBRARY}, {"MOVED_CLOCK", file().string()}};
}

void SetClock::move_by(Milliseconds offset) {
  const std::int64_t number = offset.count();
  std::fstream out(file(), std::ios::binary | std::ios::in | std::ios::out);  // in place: the program has it mapped
  out.write(reinterpret_cast<const char*>(&number), sizeof number);
  EXPECT_TRUE(out.flush());
}

}  // namespace tessera::e2e
