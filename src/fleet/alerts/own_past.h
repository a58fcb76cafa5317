#pragma once
// Inside the room. What a device is like against its own last week, of hours in which it was busy.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "fleet/alerts/baseline.h"
#include "fleet/alerts/evaluator.h"
#include "fleet/inventory/fleet.h"

namespace tessera::fleet::alerts {

/// One thread's own.
class OwnPast {
 public:
  /// `recent`: what recent_text() was not long ago.
  explicit OwnPast(OwnBaseline hours = {}, std::string_view recent = {});

  /// What is news of the devices that are heard of.
  void note(const View& view);
  /// As of what was noted. `key` is the device's own, `subject` too.
  void observe(const Device& device, const std::string& key, const std::shared_ptr<const Subject>& subject,
               Round& round) const;
  void forget(EpochMs now);

  const OwnBaseline& hours() const { return hours_; }
  /// What is known of the last half hour, so that a restart does not forget it.
  std::string recent_text() const;
  /// For which share of the last half hour the device's clocks were held down. Absent where less than twenty minutes
  /// of it are known, and of one that is not busy, or silent.
  std::optional<double> throttled_of_late(const std::string& key, EpochMs now) const;

 private:
  /// The last half hour by whole minutes, as a subquery of Prometheus has it: at each counts the newest sample that is
  /// not behind it, where that is not too old. So the share is the number that gpu.rules.yaml records.
  struct Recent {
    EpochMs until = 0;                  ///< newest sample
    std::uint32_t known = 0, held = 0;  ///< bit n: n minutes before the first whole one that is not before `until`
    void take(EpochMs time, std::optional<double> value);
    void go_on(EpochMs minute);  ///< as it is at that one, where nothing new is told
    std::optional<double> share(EpochMs now) const;
    std::string text() const;
    static std::optional<Recent> read(std::string_view until, std::string_view text);
  };
  struct Row;
  static const Row kRows[];

  void note(const Row& row, const Device& device, const std::string& key, std::optional<double> busy, EpochMs now);
  std::optional<double> deviation(const Row& row, const Device& device, const std::string& key, double now) const;
  bool has_low_clocks(const Device& device, const std::string& key) const;

  OwnBaseline hours_;
  std::unordered_map<std::string, Recent> recent_;
};

}  // namespace tessera::fleet::alerts
