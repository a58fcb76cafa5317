#pragma once
// What a check found: how bad it is, what was looked at, what was seen there, and what to do about it.
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::cli {

enum class Status {
  Ok,
  Note,     ///< worth knowing; nothing is broken
  Warning,  ///< something is missing or will hurt
  Problem   ///< Tessera cannot do its work here
};
inline constexpr std::array kStatuses{Status::Ok, Status::Note, Status::Warning, Status::Problem};

struct Finding {
  Status status = Status::Ok;
  std::string looked_at;              ///< a path, a URL, a device: what a person would look at, too
  std::string seen;                   ///< one sentence without full stop
  std::string advice = {};            ///< what to do, in one or two sentences; empty only where Ok
  std::vector<std::string> commands;  ///< to be typed as they stand
  bool operator==(const Finding&) const = default;
};
using Findings = std::vector<Finding>;

/// A check's findings under its name.
struct Section {
  std::string_view check;  ///< the check's name: "kernel-module"
  Findings findings;
};
using Report = std::vector<Section>;

}  // namespace tessera::cli
