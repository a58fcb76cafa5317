#pragma once
// Inside the room. What a device is like against its own last week, of hours in which it was busy.
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "fleet/alerts/baseline.h"
#include "fleet/alerts/evaluator.h"
#include "fleet/inventory/node.h"

namespace tessera::fleet::alerts {

/// One thread's own.
class OwnPast {
 public:
  /// `recent`: what recent_text() was not long ago.
  explicit OwnPast(OwnBaseline hours = {}, std::string_view recent = {});

  /// What is news of the device is noted for later. `key` is its own, `subject` too.
  void observe(const Device& device, const std::string& key, const std::shared_ptr<const Subject>& subject,
               Round& round);
  void forget(EpochMs now);

  const OwnBaseline& hours() const { return hours_; }
  /// What is known of the last half hour, so that a restart does not forget it.
  std::string recent_text() const;
  /// For which share of the last half hour the device's clocks were held down, as of what was observed before. Absent
  /// where too little is known, and of one that was not busy a short while ago.
  std::optional<double> throttled_of_late(const std::string& key, EpochMs now) const;

 private:
  /// A mean in which what is half an hour old counts for a third of what is new. Of a gap nothing is known.
  struct Recent {
    EpochMs until = 0;  ///< newest sample
    double sum = 0, weight = 0;
    void take(EpochMs time, double value);
    std::optional<double> mean() const;  ///< absent before twenty minutes of it were seen
  };
  struct Row;
  static const Row kRows[];

  std::optional<double> deviation(const Row& row, const Device& device, const std::string& key, double now);

  OwnBaseline hours_;
  std::unordered_map<std::string, Recent> recent_;
};

}  // namespace tessera::fleet::alerts
