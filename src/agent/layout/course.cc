#include "agent/layout/course.h"

#include <algorithm>

namespace tessera::agent::layout {
namespace {

// Steps told of one generation: what is taken away again and again would make it grow for ever. With those that are
// left they stay within the 8 KiB that the server takes.
constexpr std::size_t kMostDone = 16;

/// The server has its answer, so it sends no more of this generation.
bool is_final(Progress progress) {
  return progress == Progress::Done || progress == Progress::Failed || progress == Progress::DryRun;
}

/// What comes to stand where something has gone by it is somebody else's.
WantedDevice without_past(WantedDevice wanted) {
  wanted.planned_from.clear();
  return wanted;
}

/// Planned steps that are not taken for now.
void hold(Report& report, const std::string& why) {
  for (Step& step : report.steps)
    if (step.state == StepState::Planned) {
      step.state = StepState::Waiting;
      step.reason = why;
    }
  report.progress = Progress::Waiting;
  report.reason = why;
}

}  // namespace

void Course::take(Document document, SteadyTime until) {
  if (!document_ || document_->generation != document.generation || document_->epoch != document.epoch)
    ++counts_.documents;
  document_ = std::move(document);
  until_ = until;
  refusal_.clear();
  refused_.clear();
}

void Course::refuse(std::string why, const Document* document) {
  ++counts_.refused;
  drop("the document that was in force was followed by one that is refused");
  refusal_ = std::move(why);
  refused_.clear();
  refused_generation_ = document ? document->generation : 0;
  if (document)
    for (const WantedDevice& wanted : document->devices) refused_[wanted.uuid] = wanted.generation;
}

void Course::take_nothing() {
  document_.reset();
  refusal_.clear();
  refused_.clear();
  std::erase_if(reports_, [](const auto& entry) { return !is_final(entry.second.progress); });
  std::erase_if(settled_, [](const auto& entry) { return !entry.second.holds; });
}

void Course::drop(const std::string& why) {
  if (!document_) return;
  document_.reset();
  for (auto& [uuid, report] : reports_) {
    if (is_final(report.progress)) continue;
    hold(report, why);
    report.progress = Progress::HandsOff;
  }
}

void Course::look(std::span<const DeviceState> devices, SteadyTime now, EpochMs wall) {
  if (document_ && now >= until_)
    drop(fmt::format("the document of generation {} has expired; nothing is done until a new one comes",
                     document_->generation));
  if (!refusal_.empty()) return report_refusal(devices);
  if (!document_) return look_without_document(devices);
  reports_.clear();
  for (const WantedDevice& wanted : document_->devices) {
    const auto here = std::ranges::find(devices, wanted.uuid, &DeviceState::uuid);
    if (here == devices.end()) continue;
    Report report = report_of(*here, wanted, now, wall);
    settled_.erase(wanted.uuid);
    if (report.progress == Progress::Done) settled_[wanted.uuid] = {wanted};
    reports_[wanted.uuid] = std::move(report);
  }
}

Report Course::report_of(const DeviceState& device, const WantedDevice& wanted, SteadyTime now, EpochMs wall) {
  Attempt& attempt = attempts_[wanted.uuid];
  // A server whose database was restored may give a number anew.
  if (attempt.generation != wanted.generation || attempt.mig != wanted.mig || attempt.instances != wanted.instances)
    attempt = {wanted.generation, wanted.mig, wanted.instances};
  Plan planned = attempt.finished ? plan(device, without_past(wanted)) : plan(device, wanted);
  attempt.finished = attempt.finished || planned.progress == Progress::Done;
  Report out{wanted.generation, planned.progress, std::move(planned.reason), attempt.done};
  if (attempt.failed && planned.progress != Progress::Done) {
    out.progress = Progress::Failed;
    out.reason = attempt.failed->reason;
    out.steps.push_back(*attempt.failed);
    return out;
  }
  for (Step& step : planned.steps) out.steps.push_back(std::move(step));
  if (options_.dry_run) {
    if (out.progress == Progress::Working || out.progress == Progress::Waiting) out.progress = Progress::DryRun;
  } else if (out.progress == Progress::Working && !is_open(options_.windows, wall)) {
    hold(out, fmt::format("outside the maintenance windows, which are {} UTC", text_of(options_.windows)));
  } else if (out.progress == Progress::Working && attempt.refused && now < attempt.again) {
    hold(out, attempt.refused->reason);
  }
  return out;
}

void Course::look_without_document(std::span<const DeviceState> devices) {
  for (auto& [uuid, settled] : settled_) {
    const auto here = std::ranges::find(devices, uuid, &DeviceState::uuid);
    if (here == devices.end() || !here->unknown.empty()) continue;
    settled.holds = plan(*here, settled.wanted).progress == Progress::Done;
    Report& report = reports_[uuid];
    report.generation = settled.wanted.generation;
    report.progress = settled.holds ? Progress::Done : Progress::HandsOff;
    report.reason = settled.holds ? ""
                                  : fmt::format(
                                        "the layout of generation {} does not stand any more, and no document "
                                        "is in force",
                                        report.generation);
  }
}

void Course::report_refusal(std::span<const DeviceState> devices) {
  const bool named = std::ranges::any_of(devices, [&](const DeviceState& d) { return refused_.contains(d.uuid); });
  for (const DeviceState& device : devices) {
    const auto found = refused_.find(device.uuid);
    if (named && found == refused_.end()) continue;
    reports_[device.uuid] = {
        found == refused_.end() ? refused_generation_ : found->second, Progress::HandsOff, refusal_, {}};
  }
}

std::optional<Task> Course::next() const {
  if (!document_ || options_.dry_run) return std::nullopt;
  for (const WantedDevice& wanted : document_->devices) {
    const auto report = reports_.find(wanted.uuid);
    if (report == reports_.end() || report->second.progress != Progress::Working) continue;
    const auto step = std::ranges::find(report->second.steps, StepState::Planned, &Step::state);
    if (step != report->second.steps.end()) return Task{wanted.uuid, *step};
  }
  return std::nullopt;
}

void Course::took(const Task& task, const Result<void>& outcome, SteadyTime now) {
  Attempt& attempt = attempts_[task.uuid];
  Step step = task.step;
  attempt.refused.reset();
  if (outcome) {
    ++counts_.steps;
    step.state = StepState::Done;
    if (attempt.done.size() == kMostDone) attempt.done.erase(attempt.done.begin());
    attempt.done.push_back(std::move(step));
    return;
  }
  step.reason = outcome.error().what;
  // Busy, or gone meanwhile: the next look tells what is left to do.
  if (outcome.error().code == Code::Unavailable || outcome.error().code == Code::NotFound) {
    step.state = StepState::Waiting;
    attempt.refused = std::move(step);
    attempt.again = now + options_.try_again;
    return;
  }
  ++counts_.failed;
  step.state = StepState::Failed;
  attempt.failed = std::move(step);
}

}  // namespace tessera::agent::layout
