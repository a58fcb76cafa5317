#pragma once
// From documents to steps to reports: which document is in force, what is to be done next, and what became of it all.
// Knows neither driver nor server nor clock; all that is given.
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/layout/acceptance.h"
#include "agent/layout/plan.h"
#include "agent/layout/report.h"
#include "base/window.h"

namespace tessera::agent::layout {

struct CourseOptions {
  bool dry_run = false;            ///< plan and report only
  std::vector<Window> windows{};   ///< empty: always
  Milliseconds try_again{10'000};  ///< what the driver called busy
};

/// A step on a device.
struct Task {
  std::string uuid;
  Step step;
};

struct Counts {
  std::uint64_t documents = 0;  ///< taken, each generation once
  std::uint64_t refused = 0;    ///< answers with a document that was not taken
  std::uint64_t steps = 0;      ///< done
  std::uint64_t failed = 0;     ///< steps that the driver refused for good
  bool operator==(const Counts&) const = default;
};

class Course {
 public:
  explicit Course(CourseOptions options) : options_(std::move(options)) {}

  /// A document that was accepted: it is in force until then, on the clock that nobody sets.
  void take(Document document, SteadyTime until);
  /// One that was not; what was in force is so no more. `document` is absent where it could not even be read.
  void refuse(std::string why, const Document* document);
  /// The server wants nothing, or nothing new.
  void take_nothing();

  /// Plans anew from what stands. `wall` tells whether a window is open.
  void look(std::span<const DeviceState> devices, SteadyTime now, EpochMs wall);
  /// What to do now, one step after another: look again before the next.
  std::optional<Task> next() const;
  /// What the driver made of it.
  void took(const Task& task, const Result<void>& outcome, SteadyTime now);

  const Reports& reports() const { return reports_; }
  const Counts& counts() const { return counts_; }

 private:
  struct Settled {
    WantedDevice wanted;
    bool holds = true;  ///< it still stands so
  };
  struct Attempt {
    std::uint64_t generation = 0;
    std::optional<bool> mig{};
    std::vector<Place> instances{};
    bool finished = false;  ///< all stood as wanted once: what was planned from is gone
    std::vector<Step> done{};
    std::optional<Step> failed{};   ///< for good
    std::optional<Step> refused{};  ///< for now
    SteadyTime again{};             ///< when the refused one is tried again
  };
  Report report_of(const DeviceState& device, const WantedDevice& wanted, SteadyTime now, EpochMs wall);
  void look_without_document(std::span<const DeviceState> devices);
  void report_refusal(std::span<const DeviceState> devices);
  void drop(const std::string& why);

  CourseOptions options_;
  std::optional<Document> document_;
  SteadyTime until_;
  std::string refusal_;
  std::map<std::string, std::uint64_t> refused_;  // by UUID: the generation that the refused document names
  std::uint64_t refused_generation_ = 0;
  std::map<std::string, Attempt> attempts_;  // by UUID
  std::map<std::string, Settled> settled_;   // by UUID: done, and still so without a document
  Reports reports_;
  Counts counts_;
};

}  // namespace tessera::agent::layout
