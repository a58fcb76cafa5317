#pragma once
// What could be had for less, with what it stands on. Pure: the same facts come to the same advice, and what is said of
// one subject does not depend on another one that is healthy.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fleet/advice/facts.h"
#include "fleet/advice/kind.h"

namespace tessera::fleet::advice {

/// What it is about: a workload, a device, or all devices of a model. What does not apply is empty.
struct Subject {
  std::string cluster;
  std::string space;
  std::string kind;
  std::string name;
  std::string team, project;
  std::string device_id;
  std::string device_uuid;  ///< of the board that was there then: another one in its place is another subject
  std::string model;
  std::vector<std::string> pods;
  struct Owner {
    std::string kind, name;
    bool operator==(const Owner&) const = default;
  };
  std::vector<Owner> owners;  ///< of the pods: several where it is about several workloads
};

struct Number {
  std::string name;  ///< "memoryP99"
  double value = 0;
  std::string unit;  ///< "bytes", "ratio", "devices", "hours", "tokens/s"
  bool operator==(const Number&) const = default;
};

struct Evidence {
  EpochMs from = 0, to = 0;
  double observed = 0;  ///< share of the window that was told
  std::vector<Number> numbers;
};

struct Saving {
  Micros per_month = 0;  ///< of 730 hours
  std::string how;       ///< it is reckoned
};

/// What to do, word for word.
struct Step {
  std::string by;    ///< "kubectl", "api", "hand"
  std::string text;  ///< a command, a request, or sentences
  /// Of sentences: what they are known by to who says them in another language, and what stands in them.
  std::string word{};
  std::map<std::string, std::string> values{};
};

struct Advice {
  std::string id;  ///< the same for the same kind and subject, from run to run
  Kind kind{};
  Subject subject;
  std::string sentence;
  std::string aim;  ///< what it would come to: "1g.10gb", "0 replicas"
  Evidence evidence;
  std::optional<Saving> saving;  ///< absent where nobody can say
  /// What it may cost at most, of what saves nothing; absent where nobody can say.
  std::optional<Saving> cost;
  double confidence = 0;  ///< see confidence_of()
  std::string risk;
  Step change, undo;
};

struct Options {
  /// For all that is said by less than a day or more: the windows of kinds() are as long as this says, times so much.
  /// 1 but for a demonstration.
  double time_scale = 1;
  double memory_headroom = 0.2;   ///< of what is used at most
  double compute_headroom = 0.1;  ///< likewise
  Micros least_per_month = 0;     ///< what saves less is not said; what nobody can reckon is
  double least_confidence = 0;    ///< likewise, of what is less sure
  std::set<Kind> off{};           ///< kinds that are not said: a workload is told of the next one that holds
};

/// The dearest first; what has no money behind it, by id.
std::vector<Advice> advise(const Facts& facts, const Options& options = {});

/// Its id as older versions made it: of a board by where it stood, so that the next one there inherited what was said
/// and answered.
std::string id_by_slot(const Advice& of);

/// Alerts that say something of a board, by their names.
std::vector<std::string> hardware_alerts();

/// The window that a kind needs.
Milliseconds least_window(Kind kind, const Options& options);

/// observed share x min(1, window / twice the kind's least window): 0.45 at the least, 1 for what was told without a
/// gap for twice as long.
double confidence_of(Kind kind, double observed, Milliseconds window, const Options& options);
/// "low" below 0.6, "high" from 0.85 on, else "medium".
std::string_view confidence_word(double confidence);

/// Whether what was put aside is something else by now: another aim, or a saving that has grown by more than a quarter.
/// Absent money and money are different.
struct Put {
  std::string aim;
  std::optional<Micros> per_month;
};
bool has_changed(const Put& then, const Put& now);

inline constexpr std::int64_t kHoursOfMonth = 730;

}  // namespace tessera::fleet::advice
