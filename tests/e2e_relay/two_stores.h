#pragma once
// The ground of most tests: both receivers, and what is asked of both.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e_relay/receiver.h"

namespace tessera::e2e {

class TwoStores : public testing::Test {
 protected:
  void SetUp() override;
  Receiver& prometheus() { return *stores_[0]; }
  Receiver& victoria_metrics() { return *stores_[1]; }
  const std::vector<std::unique_ptr<Receiver>>& stores() const { return stores_; }
  /// The section `remote_write` that names both.
  std::string to_both() const;
  /// Waits until each store has so many series of the selector.
  bool arrived(const std::string& selector, std::size_t series = 1);
  /// Waits until an instant query of the selector finds nothing in either store, although its series has samples.
  bool vanished(const std::string& selector);
  /// The samples of a selector, on which both stores agree: fails the test where they never do.
  Samples agreed(const std::string& selector);

 private:
  std::vector<std::unique_ptr<Receiver>> stores_;
};

}  // namespace tessera::e2e
