#include <algorithm>
#include <cmath>
#include <map>

#include "metrics/page.h"
#include "relay/reports.h"
#include "relay/request_body.h"
#include "relay/scrape_once.h"

namespace tessera::relay {
namespace {

using metrics::Kind;

/// The text format's word, and the endings that a family's samples add to its name.
struct TextKind {
  Kind kind;
  std::string_view word;
  std::vector<std::string_view> endings;
};
const TextKind& text_kind(Kind kind) {
  static const std::vector<TextKind> kKinds = {{Kind::Unknown, "untyped", {}},
                                               {Kind::Gauge, "gauge", {}},
                                               {Kind::Counter, "counter", {}},
                                               {Kind::Summary, "summary", {"_sum", "_count"}},
                                               {Kind::Histogram, "histogram", {"_bucket", "_sum", "_count"}},
                                               {Kind::Info, "gauge", {}},
                                               {Kind::StateSet, "gauge", {}}};
  const auto known = std::ranges::find(kKinds, kind, &TextKind::kind);
  return known == kKinds.end() ? kKinds.front() : *known;
}

std::string family_of(const std::string& name, const TextKind& kind) {
  for (const std::string_view ending : kind.endings)
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  return name;
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string help_text(std::string_view help) {
  std::string out;
  for (const char c : help) out += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

/// Requests read back, as the page that they came from would look if it had the labels that go out.
class SentPage {
 public:
  void take(const SealedBatch& sealed) {
    const auto request = unpack(sealed.kind, sealed.body);
    if (!request) return void(problem_ = request.error().what);
    for (const wire::Series& series : request->series) take(series);
  }
  std::string text() const {
    std::string out;
    for (const auto& [name, family] : families_) {
      if (!family.help.empty()) out += fmt::format("# HELP {} {}\n", name, help_text(family.help));
      out += fmt::format("# TYPE {} {}\n", name, family.word);
      for (const std::string& line : family.lines) out += line;
    }
    if (!problem_.empty()) out += fmt::format("# a request could not be read back: {}\n", problem_);
    return out;
  }

 private:
  struct Family {
    std::string_view word;
    std::string help;
    std::vector<std::string> lines;
  };

  void take(const wire::Series& series) {
    std::string name, labels;
    for (const auto& [label, value] : series.labels) {
      if (label == "__name__")
        name = value;
      else
        metrics::append_label(labels, label, value);
    }
    const TextKind& kind = text_kind(series.metadata.kind);
    Family& family = families_[family_of(name, kind)];
    family.word = kind.word;
    family.help = series.metadata.help;
    for (const wire::Sample& sample : series.samples)
      family.lines.push_back(
          labels.empty() ? fmt::format("{} {} {}\n", name, value_text(sample.value), sample.time)
                         : fmt::format("{}{{{}}} {} {}\n", name, labels, value_text(sample.value), sample.time));
  }

  std::map<std::string, Family> families_;
  std::string problem_;
};

/// A destination, and what it would be sent.
struct Sent {
  const Destination& destination;
  SentPage page{};
  Batch batch;
  explicit Sent(const Destination& to)
      : destination(to),
        batch(
            {.deadline = Milliseconds(0)}, [] { return RequestKind::V2Snappy; },
            [this](const SealedBatch& sealed) { page.take(sealed); }) {}
};

void append_findings(std::string& out, const Discovered& found, const std::vector<std::unique_ptr<Scrape>>& scrapes) {
  for (const SourceStatus& source : found.sources)
    if (!source.problem.empty()) out += fmt::format("# source {}: {}\n", source.what, source.problem);
  for (const auto& [target, why] : found.dropped) out += fmt::format("# not scraped: {}: {}\n", target.url, why);
  for (const auto& scrape : scrapes) {
    const TargetStatus status = scrape->status();
    out += fmt::format("# target {} {}: {}\n", scrape->target().url, shown(scrape->target().labels),
                       status.health == Health::Up ? fmt::format("up, {} sample{}, {} kept", status.samples,
                                                                 status.samples == 1 ? "" : "s", status.kept)
                                                   : "down: " + status.error);
  }
}

}  // namespace

Result<std::string> dry_run_page(const Options& options, const std::stop_token& stop) {
  const Config config = TRY(options.config.empty() ? parse_config("", "") : load_config(options.config));
  const Discovered found = TRY(discover_once(config, options, stop));
  Destination nowhere;
  nowhere.name = "none configured";
  std::vector<std::unique_ptr<Sent>> all;
  for (const Destination& destination : config.destinations) all.push_back(std::make_unique<Sent>(destination));
  if (all.empty()) all.push_back(std::make_unique<Sent>(nowhere));
  std::vector<Scrape::Way> ways;
  for (const auto& sent : all) ways.push_back({&sent->destination, &sent->batch});
  std::vector<std::unique_ptr<Scrape>> scrapes;
  for (const Target& target : found.targets)
    scrapes.push_back(std::make_unique<Scrape>(target, config.external_labels, ways));
  TRY(scrape_once(scrapes, stop));
  std::string out;
  append_findings(out, found, scrapes);
  for (const auto& sent : all) {
    sent->batch.seal();
    out += fmt::format("# destination {}\n", sent->destination.name) + sent->page.text();
  }
  return out;
}

}  // namespace tessera::relay
