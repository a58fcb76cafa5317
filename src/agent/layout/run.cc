// The layout container as one sentence: look at the devices, take at most one step towards what is wanted, tell the
// server, and hear what it wants.
#include "agent/layout/run.h"

#include <algorithm>

#include "agent/layout/devices.h"
#include "agent/layout/exchange.h"
#include "agent/layout/memory.h"
#include "agent/shutdown.h"
#include "base/every.h"
#include "base/files.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/text.h"

namespace tessera::agent::layout {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kParked = 30s;    // how long the server may keep a question
constexpr Milliseconds kPatience = 10s;  // for the rest of it
constexpr Milliseconds kLastWords = 3s;  // for the report at a stop

SteadyTime now() { return std::chrono::steady_clock::now(); }

std::string boot_id(const std::string& proc) {
  const auto text = read_file(std::filesystem::path(proc) / "sys/kernel/random/boot_id", 4096);
  return text ? std::string(trim(*text)) : "";
}

/// Two refusals that differ in their times alone are one to a reader of the log.
std::string without_numbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

class Runner {
 public:
  Runner(const Options& options, const Ourselves& us, Memory memory, Exchange server, std::stop_token stop)
      : pause_(options.layout.pause),
        us_(us),
        reporter_{us.cluster, us.node, boot_id(options.proc), options.layout.dry_run},
        memory_(std::move(memory)),
        server_(std::move(server)),
        devices_(options),
        course_({options.layout.dry_run, options.layout.windows, options.layout.pause}),
        stop_(std::move(stop)) {}

  void run() {
    while (!stop_.stop_requested()) {
      look();
      const bool acted = act();
      if (course_.reports() == told_ && now() < quiet_until_) {
        wait_until(quiet_until_, stop_);
      } else if (now() >= away_until_) {
        ask();
      } else if (!acted) {  // while the server is away, what it wanted goes on until its document expires
        wait_until(std::min(away_until_, now() + pause_), stop_);
      }
    }
    if (untold_) tell_last();
    log_counts();
  }

 private:
  void look() {
    course_.look(devices_.look(), now(), now_epoch_ms());
    for (const auto& [uuid, report] : course_.reports()) {
      std::string line = fmt::format("{} {} {}", report.generation, name_of(report.progress), report.reason);
      if (std::exchange(logged_[uuid], line) == line) continue;
      log::info("layout", {{"gpu", uuid},
                           {"generation", std::to_string(report.generation)},
                           {"state", std::string(name_of(report.progress))},
                           {"reason", report.reason}});
    }
  }

  bool act() {
    const auto task = course_.next();
    if (!task || stop_.stop_requested()) return false;
    untold_ = true;
    const auto outcome = devices_.carry_out(*task);
    course_.took(*task, outcome, now());
    if (outcome)
      log::info("layout step done", {{"gpu", task->uuid}, {"step", text_of(task->step)}});
    else
      log::warn("layout step refused",
                {{"gpu", task->uuid}, {"step", text_of(task->step)}, {"why", outcome.error().what}});
    look();
    return true;
  }

  void ask() {
    const Milliseconds wait = course_.next() ? 0ms : kParked;
    told_ = course_.reports();
    quiet_until_ = now() + pause_;
    const Answer answer =
        server_.ask(report_json(reporter_, memory_.newest(), devices_.seen(), told_), wait, kPatience, stop_);
    if (!answer.trouble.empty()) return stay_away(answer);
    untold_ = false;
    back_off_.reset();
    if (!std::exchange(trouble_, "").empty()) log::info("the server answers again");
    if (answer.document)
      take(*answer.document, now());
    else
      course_.take_nothing();
  }

  void take(const std::string& text, SteadyTime came) {
    auto document = parse_document(text);
    if (!document) return refuse("the document cannot be read: " + document.error().what, nullptr);
    const auto life = accept(*document, us_, memory_.newest(), now_epoch_ms(), devices_.seen());
    if (!life) return refuse(life.error().what, &*document);
    if (!reporter_.dry_run) {
      const auto kept = memory_.remember({document->epoch, document->generation});
      if (!kept) return refuse("what is acted on cannot be remembered: " + kept.error().what, &*document);
    }
    course_.take(*std::move(document), came + *life);
    refused_.clear();
  }

  void refuse(std::string why, const Document* document) {
    if (std::exchange(refused_, why) != why) log::warn("document refused, hands off", {{"why", why}});
    course_.refuse(std::move(why), document);
  }

  void stay_away(const Answer& answer) {
    if (stop_.stop_requested()) return;
    const Milliseconds pause = answer.retry_after.value_or(back_off_.next());
    away_until_ = now() + pause;
    if (std::exchange(trouble_, without_numbers(answer.trouble)) != without_numbers(answer.trouble))
      log::warn("the server does not say what is wanted",
                {{"why", answer.trouble}, {"next_try", format_duration(pause)}});
  }

  /// The stop may have come between a destruction and the creation that it made room for: the server learns of it now.
  void tell_last() {
    const Answer answer =
        server_.ask(report_json(reporter_, memory_.newest(), devices_.seen(), course_.reports()), 0ms, kLastWords, {});
    if (!answer.trouble.empty()) log::warn("the last step was not told", {{"why", answer.trouble}});
  }

  void log_counts() const {
    const Counts& counts = course_.counts();
    log::info("layout stopping", {{"documents", std::to_string(counts.documents)},
                                  {"refused", std::to_string(counts.refused)},
                                  {"steps", std::to_string(counts.steps)},
                                  {"failed", std::to_string(counts.failed)}});
  }

  Milliseconds pause_;
  Ourselves us_;
  Reporter reporter_;
  Memory memory_;
  Exchange server_;
  Devices devices_;
  Course course_;
  std::stop_token stop_;
  BackOff back_off_;
  Reports told_;
  bool untold_ = false;       // a step was taken that the server has not heard of
  SteadyTime quiet_until_{};  // no question before that, unless there is news
  SteadyTime away_until_{};   // no question before that at all
  std::string trouble_, refused_;
  std::map<std::string, std::string> logged_;  // by UUID: each report is logged once
};

}  // namespace

Result<void> run(const Options& options, std::stop_token stop) {
  bound_heap(2, 4 << 20);
  const std::stop_callback watchdog(stop, leave_when_stuck);
  const Ourselves us{options.layout.cluster, options.node_name};
  auto memory = TRY(Memory::open(options.layout.data, us));
  auto server = TRY(Exchange::open({options.layout.server, options.layout.token_file, options.layout.ca_file}, us));
  log::info("layout ready", {{"server", options.layout.server},
                             {"node", us.node},
                             {"cluster", us.cluster},
                             {"mode", options.layout.dry_run ? "dry-run" : "apply"},
                             {"windows", text_of(options.layout.windows)}});
  Runner(options, us, std::move(memory), std::move(server), std::move(stop)).run();
  return {};
}

}  // namespace tessera::agent::layout
