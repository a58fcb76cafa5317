#pragma once
// What the pages of a foreign dcgm-exporter leave out, and tessera-agent's have: how many compute slices each MIG
// instance has, and how busy a device is, weighted by them. Learned from the page's own lines, by the names that
// dcgm-exporter has for them; where a page does not tell enough, nothing is made up. Thread contract: one thread.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "metrics/parse.h"
#include "relay/labels.h"

namespace tessera::relay {

class ScrapeWeights {
 public:
  struct Family {
    std::string_view name, help;
  };
  /// Gauges, named as tessera-agent names them.
  static constexpr Family kSlices{"gpu_instance_compute_slices",
                                  "Compute slices of the MIG instance, as its profile's name tells them: its weight."};
  static constexpr Family kWeighted{"gpu_weighted_utilization_ratio",
                                    "Utilization weighted by size, 0 to 1: over=allocated is the mean over the "
                                    "instances that exist, over=device the mean over the whole device."};

  /// A series that the pages did not have. Its number stays, for as long as this lives.
  struct Made {
    std::string_view name;
    Labels labels;
  };
  struct Sample {
    std::uint32_t made;
    double value;
  };
  struct Page {
    std::vector<Sample> samples;
    std::uint64_t clamped = 0;  ///< utilizations above 1 that were taken as 1
  };

  /// To be shown each line once, when it is new: the number to note() it by; nullopt: it tells nothing of weights.
  std::optional<std::uint32_t> watch(const metrics::Sample& line);

  /// A new page, on which watched lines are noted where they stand.
  void begin() { ++page_; }
  void note(std::uint32_t line, double value);
  /// What the page that ended would have said. Nothing where it has one of the families itself.
  Page finish();

  const Made& made(std::uint32_t number) const { return made_[number]; }

 private:
  enum class Tells : std::uint8_t { Presence, Activity, MaxSlices, MigMode, OwnFamily };
  struct Line {
    Tells tells;
    std::uint32_t device = 0;
    std::optional<std::uint32_t> instance{};
    std::optional<double> max_slices{}, mig_mode{};  ///< as labels of the line
  };
  /// A number that all lines of a page have to agree on.
  struct Agreed {
    std::uint64_t page = 0;
    std::optional<double> value{};  ///< absent where they do not
    void take(std::uint64_t on_page, double told);
    std::optional<double> on(std::uint64_t asked) const { return page == asked ? value : std::nullopt; }
  };
  /// The first of a page: time-slicing repeats a reading for each pod that shares.
  struct Reading {
    std::uint64_t page = 0;
    double value = 0;
    void take(std::uint64_t on_page, double told);
    std::optional<double> on(std::uint64_t asked) const { return page == asked ? std::optional(value) : std::nullopt; }
  };
  struct Instance {
    std::string id;
    std::optional<unsigned> slices;  ///< absent where the profile's name does not tell
    std::uint32_t made_slices = 0;
    std::uint64_t seen = 0;  ///< the last page
    Reading activity{};
  };
  struct Device {
    Labels labels;
    std::uint32_t made_allocated = 0, made_whole = 0;
    std::vector<std::uint32_t> instances{};
    Reading activity{};  ///< of the whole
    Agreed max_slices{}, mig_mode{};
  };

  std::uint32_t make(std::string_view name, Labels labels);
  std::uint32_t device_of(const metrics::Sample& line, std::string_view uuid);
  std::uint32_t instance_of(const metrics::Sample& line, std::uint32_t device, std::string_view id);
  void weigh(const Device& device, Page& page) const;

  std::vector<Line> lines_;
  std::vector<Instance> instances_;
  std::vector<Device> devices_;
  std::map<Labels, std::uint32_t> devices_by_labels_;
  std::map<std::tuple<std::uint32_t, std::string, std::string>, std::uint32_t> instances_by_name_;
  std::vector<Made> made_;
  std::uint64_t page_ = 0;
  std::uint64_t has_own_ = 0;  ///< the last page with a family of ours
};

}  // namespace tessera::relay
