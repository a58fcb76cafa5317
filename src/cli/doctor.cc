#include "cli/doctor.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace tessera::cli {
namespace {
using Steady = std::chrono::steady_clock;

constexpr Milliseconds kDriverStart{25'000};  // without persistence mode a start takes seconds per GPU
constexpr Milliseconds kReading{5'000};       // files, beside the answers that a check waits for

/// Runs `work` on a thread of its own, which owns all that it uses: it may outlive the caller's patience.
template <class T, class Work>
std::future<T> start(Work work) {
  std::promise<T> promise;
  auto answer = promise.get_future();
  std::thread([promise = std::move(promise), work = std::move(work)]() mutable {
    try {
      promise.set_value(work());
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }).detach();
  return answer;
}

Finding hangs(const Check& check, Milliseconds deadline) {
  return {Status::Problem,
          std::string(check.looks_at),
          fmt::format("no end of this check after {}: a file system or a device hangs", format_duration(deadline)),
          "Look for hung tasks in the kernel log, and for processes in state D.",
          {"dmesg | tail -50", "ps axo stat,pid,comm | grep '^D'"}};
}

Finding broke(const Check& check, const std::string& why) {
  return {Status::Warning,
          std::string(check.looks_at),
          fmt::format("the check itself failed: {}", why),
          "This is a fault of tessera doctor: please report it with this line.",
          {}};
}

Findings await(const Check& check, std::future<Findings>& answer, Steady::time_point until, Milliseconds deadline,
               bool& stuck) {
  if (answer.wait_until(until) != std::future_status::ready) {
    stuck = true;
    return {hangs(check, deadline)};
  }
  try {
    return answer.get();
  } catch (const std::exception& error) {
    return {broke(check, error.what())};
  }
}

}  // namespace

int Diagnosis::exit_code() const {
  const bool problem = std::ranges::any_of(report, [](const Section& section) {
    return std::ranges::find(section.findings, Status::Problem, &Finding::status) != section.findings.end();
  });
  return problem ? 1 : 0;
}

Diagnosis run_checks(std::span<const Check> table, Node node, Milliseconds deadline) {
  const auto shared = std::make_shared<const Node>(std::move(node));
  const auto until = Steady::now() + deadline;
  std::vector<std::future<Findings>> answers;
  for (const auto& check : table)
    answers.push_back(start<Findings>([shared, run = check.run] { return run(*shared); }));
  Diagnosis out;
  for (std::size_t i = 0; i < answers.size(); ++i)
    out.report.push_back({table[i].name, await(table[i], answers[i], until, deadline, out.stuck)});
  return out;
}

Diagnosis examine(const Places& places, Environment environment, Milliseconds patience) {
  Node node{places, std::move(environment), patience, {}};
  auto sight = start<DriverSight>([library = places.nvml, patience] { return look_at_driver(library, patience); });
  const Milliseconds deadline = kDriverStart + 3 * patience;  // a slow device is asked twice
  bool stuck = false;
  if (sight.wait_for(deadline) == std::future_status::ready) {
    node.driver = sight.get();
  } else {
    stuck = true;
    node.driver.failure = fail(Code::Unavailable, "the driver gave no answer within {}: a GPU or the driver hangs",
                               format_duration(deadline));
  }
  stuck = stuck || node.driver.left_behind;
  Diagnosis out = run_checks(checks(), std::move(node), kReading + 2 * patience);
  out.stuck = out.stuck || stuck;
  return out;
}

}  // namespace tessera::cli
