#include "tests/e2e_relay/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tessera::e2e {
namespace {

constexpr std::size_t kMostWords = 10;

/// The pages of one target as one series of the receiver has them.
class Account {
 public:
  Account(const std::vector<EpochMs>& served, const std::vector<Point>& failures, const std::vector<Gap>& gaps,
          EpochMs ahead)
      : served_(served), failures_(failures), gaps_(gaps), ahead_(ahead) {}

  /// `scale`: what turns a value into the number of its page.
  std::string wrong(const std::vector<Point>& points, double scale) const {
    std::size_t before = 0;
    EpochMs time = 0;
    for (const Point& point : points) {
      const double number = point.value * scale;
      if (number != std::floor(number) || number < 1 || number > static_cast<double>(served_.size()))
        return fmt::format("{} at {} was never served", point.value, point.time);
      const auto page = static_cast<std::size_t>(number);
      if (page <= before || point.time <= time)
        return fmt::format("page {} at {} comes after page {} at {}", page, point.time, before, time);
      if (point.time > served_[page - 1] + ahead_)
        return fmt::format("page {} is stamped {}, but was served at {}", page, point.time, served_[page - 1]);
      if (auto lost = missing(before, page, time, point.time); !lost.empty()) return lost;
      before = page;
      time = point.time;
    }
    return missing(before, served_.size() + 1, time, INT64_MAX);
  }

 private:
  /// Pages between two that are there, if that needs more of an excuse than there is.
  std::string missing(std::size_t before, std::size_t after, EpochMs from, EpochMs to) const {
    std::string first;
    std::ptrdiff_t without = 0;
    for (std::size_t page = before + 1; page < after; ++page) {
      const EpochMs time = served_[page - 1];
      if (std::ranges::any_of(gaps_, [&](const Gap& gap) { return gap.from <= time && time <= gap.to; })) continue;
      if (without++ == 0) first = fmt::format("page {}, served at {},", page, time);
    }
    const auto failed = std::ranges::count_if(
        failures_, [&](const Point& up) { return up.value == 0 && up.time > from && up.time < to; });
    return without <= failed ? ""
                             : fmt::format("{} is missing, one of {}; {} scrapes failed there", first, without, failed);
  }

  const std::vector<EpochMs>& served_;
  const std::vector<Point>& failures_;
  const std::vector<Gap>& gaps_;
  const EpochMs ahead_;
};

}  // namespace

std::vector<std::string> differences(const CountingTargets& targets, Receiver& receiver, const std::string& job,
                                     const std::vector<Gap>& gaps, EpochMs ahead) {
  std::vector<std::string> out;
  std::map<std::string, std::vector<Point>> ups;
  for (auto& [labels, points] : receiver.samples(fmt::format("up{{job=\"{}\"}}", job)))
    ups[labels.at("target")] = points;
  constexpr struct {
    const char* name;
    double scale;
  } kMetrics[] = {{"work_total", 1}, {"load_ratio", 8}};
  for (const auto& [name, scale] : kMetrics) {
    const Samples all = receiver.samples(fmt::format("{}{{job=\"{}\"}}", name, job));
    const auto expected = static_cast<std::size_t>(targets.count()) * static_cast<std::size_t>(targets.series());
    if (all.size() != expected) out.push_back(fmt::format("{} series of {}, not {}", all.size(), name, expected));
    for (const auto& [labels, points] : all) {
      const std::string& target = labels.at("target");
      const auto served = targets.served(std::stoi(target));
      const auto wrong = Account(served, ups[target], gaps, ahead).wrong(points, scale);
      if (!wrong.empty() && out.size() < kMostWords)
        out.push_back(fmt::format("{} of {}: {}", shown(labels), receiver.name(), wrong));
    }
  }
  return out;
}

std::vector<std::string> lasting_differences(const CountingTargets& targets, Receiver& receiver, const std::string& job,
                                             const std::vector<Gap>& gaps, EpochMs ahead) {
  std::vector<std::string> out;
  eventually([&] { return (out = differences(targets, receiver, job, gaps, ahead)).empty(); });
  return out;
}

}  // namespace tessera::e2e
