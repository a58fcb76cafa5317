#include <bit>
#include <cassert>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "relay/scrape_cache.h"

// A row of pages of one target, read by a cache that knows the ones before, must come to what a plain parser and the
// rules make of each page alone: samples, times, exemplars, metadata, what came and what went, and the error. The input
// is a byte of rules, a pool of lines up to the first zero byte, and then a byte for each step that makes a page of
// them.
namespace {
using namespace tessera;
using namespace tessera::relay;

constexpr EpochMs kNow = 1'700'000'000'000;
constexpr EpochMs kLatest = kNow + 600'000;
constexpr std::size_t kMostBytes = 1U << 14U, kMostInAll = 1U << 15U;  // so that many inputs are tried
const auto kValues =
    split("0,1,-0,1.5,2e3,NaN,-Inf,12345678901234567,x,,3 ,4 1,5\t1,6 1700000000001,7 1700000600001,8.", ',');

Relabel compiled(RelabelAction action, std::string source, std::string regex, std::string target = "") {
  RelabelRule rule;
  rule.action = action;
  rule.source_labels = {std::move(source)};
  rule.regex = std::move(regex);
  rule.target_label = std::move(target);
  return *Relabel::compile(rule);
}

SeriesRules rules_of(unsigned bits) {
  SeriesRules rules;
  rules.track_timestamps_staleness = (bits & 2U) != 0;
  rules.honor_timestamps = (bits & 4U) == 0;
  if ((bits & 8U) != 0) rules.target = to_labels({{"instance", "h:1"}, {"pod", "p"}});
  rules.honor_labels = (bits & 16U) != 0;
  if ((bits & 8U) != 0) rules.external = to_labels({{"a", "outer"}, {"zone", "z"}});
  if ((bits & 32U) != 0)
    rules.metric_relabel = {compiled(RelabelAction::Drop, "__name__", "d.*"),
                            compiled(RelabelAction::Replace, "a", "(.).*", "b")};
  if ((bits & 64U) == 0) return rules;
  rules.limits.samples = 30;
  rules.limits.labels = 4;
  rules.limits.label_name_length = 8;
  rules.limits.label_value_length = 12;
  return rules;
}

using Point = std::tuple<std::string, std::uint64_t, std::optional<EpochMs>>;  // labels, the value's bits, own time
using Mark =
    std::tuple<std::size_t, std::string, std::uint64_t, std::optional<EpochMs>>;  // an exemplar: of which point
using Meta = std::tuple<std::string, std::string, metrics::Kind, std::string, std::string>;

struct Seen {
  std::string error;  // of a page that failed: then only `stale` is filled
  std::vector<Point> points;
  std::vector<Mark> marks;
  std::vector<Meta> meta;  // of each point's metric
  std::set<std::string> stale;
  std::uint64_t scraped = 0, added = 0, duplicates = 0, too_far_ahead = 0, unfit = 0;
  bool operator==(const Seen&) const = default;
};

Meta meta_of(const SeriesTable& table, std::uint32_t series) {
  const MetricText text = table.metric(table[series].metric);
  return {std::string(text.name), std::string(text.family), text.kind, std::string(text.help), std::string(text.unit)};
}

/// What the page means to somebody who knows of those before only which series were in them.
class Plain : public metrics::PageReader {
 public:
  explicit Plain(const SeriesRules& rules) : rules_(rules) {}

  Seen read(metrics::Format format, std::string_view page) {
    seen_ = {};
    here_.clear();
    error_.clear();
    metrics::PageParser parser(format, *this);
    for (line_ = 1; !page.empty() && error_.empty(); ++line_) {
      const std::size_t end = std::min(page.find('\n'), page.size());
      if (const auto read = parser.line(page.substr(0, end)); !read) error_ = read.error().what;
      if (const auto& most = rules_.limits.samples; error_.empty() && most && seen_.points.size() > *most)
        error_ =
            fmt::format("line {}: sample_limit: the page has more than {} samples after relabelling", line_, *most);
      page.remove_prefix(std::min(end + 1, page.size()));
    }
    if (error_.empty())
      if (const auto ended = parser.end(); !ended) error_ = ended.error().what;
    return error_.empty() ? well() : failed();
  }

  /// Another cache goes on: it has the debts of the one before, and none of its words.
  void forget_metadata() { table_ = {}; }

  void sample(const metrics::Sample& sample) override {
    ++seen_.scraped;
    const Ruled ruled = rule(sample.name, sample.labels, rules_);
    if (ruled.outcome == Ruled::Outcome::Exceeds) error_ = fmt::format("line {}: {}", line_, ruled.why);
    if (ruled.outcome == Ruled::Outcome::Unfit) ++seen_.unfit;
    if (ruled.outcome == Ruled::Outcome::Goes) take(sample, ruled.labels);
  }
  void type(std::string_view family, metrics::Kind kind) override { table_.set_kind(family, kind); }
  void help(std::string_view family, std::string_view text) override { table_.set_help(family, text); }
  void unit(std::string_view family, std::string_view unit) override { table_.set_unit(family, unit); }

 private:
  void take(const metrics::Sample& sample, const Labels& labels) {
    const std::string name = shown(labels);
    const auto time = rules_.honor_timestamps ? sample.time : std::nullopt;
    if (here_.contains(name)) {
      ++seen_.duplicates;
    } else if (time && *time > kLatest) {
      ++seen_.too_far_ahead;
    } else {
      here_.insert(name);
      rows_.push_back(table_.add(labels, sample.name));
      if (const auto& e = sample.exemplar) {
        std::vector<Label> pairs;
        for (const auto& [key, value] : e->labels) pairs.push_back({std::string(key), std::string(value)});
        seen_.marks.emplace_back(seen_.points.size(), shown(to_labels(pairs)), std::bit_cast<std::uint64_t>(e->value),
                                 e->time);
      }
      seen_.points.emplace_back(name, std::bit_cast<std::uint64_t>(sample.value), time);
    }
  }

  Seen well() {
    for (const auto& name : here_) seen_.added += before_.contains(name) ? 0 : 1;
    for (const auto& name : live_)
      if (!here_.contains(name)) seen_.stale.insert(name);
    live_.clear();
    for (const auto& [name, value, time] : seen_.points)
      if (!time || rules_.track_timestamps_staleness) live_.insert(name);
    for (const std::uint32_t row : std::exchange(rows_, {})) seen_.meta.push_back(meta_of(table_, row));
    before_ = here_;
    return std::move(seen_);
  }

  Seen failed() {
    rows_.clear();
    before_.clear();
    Seen out;
    out.error = error_;
    out.stale = std::exchange(live_, {});
    return out;
  }

  const SeriesRules& rules_;
  SeriesTable table_;  // for what a family says of its metrics
  std::vector<std::uint32_t> rows_;
  std::set<std::string> here_, before_, live_;
  Seen seen_;
  std::size_t line_ = 0;
  std::string error_;
};

Seen look(const ScrapeCache& cache, const ScrapedPage& page) {
  Seen seen;
  const SeriesTable& table = cache.table();
  for (const auto& [series, value] : page.samples) {
    seen.points.emplace_back(shown(table.labels(table[series])), std::bit_cast<std::uint64_t>(value), std::nullopt);
    seen.meta.push_back(meta_of(table, series));
  }
  for (const auto& [sample, time] : page.times) std::get<2>(seen.points[sample]) = time;
  for (const auto& e : page.exemplars)
    seen.marks.emplace_back(e.sample, shown(e.labels), std::bit_cast<std::uint64_t>(e.value), e.time);
  for (const std::uint32_t series : page.stale) {
    const bool is_new = seen.stale.insert(shown(table.labels(table[series]))).second;
    assert(is_new);  // one marker is enough
  }
  assert((page.unfit > 0) == !page.unfit_note.empty());
  std::tie(seen.scraped, seen.added, seen.duplicates, seen.too_far_ahead, seen.unfit) =
      std::tie(page.scraped, page.added, page.duplicates, page.too_far_ahead, page.unfit);
  return seen;
}

Seen read(ScrapeCache& cache, std::string_view page, std::size_t piece) {
  const auto whole = [&]() -> Result<ScrapedPage> {
    for (; !page.empty(); page.remove_prefix(std::min(piece, page.size()))) TRY(cache.feed(page.substr(0, piece)));
    return cache.finish();
  }();
  if (whole) return look(cache, *whole);
  Seen seen = look(cache, cache.fail_page());
  seen.error = whole.error().what;
  return seen;
}

/// "line 3, column 7: label_limit: …" and "line 3: label_limit: …" are the same: the column is the cache's own affair.
bool same_error(const std::string& got, const std::string& want) {
  if (got == want) return true;
  const std::size_t line = want.find(':');
  return line != std::string::npos && got.starts_with(want.substr(0, line) + ", column ") &&
         got.ends_with(want.substr(line));
}

class Target {
 public:
  Target(unsigned bits, std::string_view pool)
      : format_((bits & 1U) != 0 ? metrics::Format::OpenMetrics : metrics::Format::Text),
        rules_(rules_of(bits)),
        cache_(std::make_unique<ScrapeCache>(rules_)),
        plain_(rules_) {
    for (std::size_t end = 0; end != std::string_view::npos; pool.remove_prefix(std::min(end + 1, pool.size())))
      lines_.push_back(pool.substr(0, end = pool.find('\n')));
  }

  void step(std::uint8_t op) {
    const std::size_t low = op & 0x1fU;
    const std::string_view line = lines_[(op < 0x80U ? op : next_) % lines_.size()];
    if (page_.size() > kMostBytes) return end_page(1000);
    if (op < 0x80U) {
      page_.append(line).push_back('\n');
      next_ = op + 1U;
    } else if (op < 0xa0U) {  // the next line with another number behind it
      page_.append(line.substr(0, line.rfind(' ') + 1)).append(kValues[low % kValues.size()]).push_back('\n');
      ++next_;
    } else if (op < 0xb0U) {  // a part of it
      page_.append(line.substr(0, low)).append(op % 2 == 0 ? "\n" : "");
    } else if (op < 0xc0U) {  // all of them once more
      for (std::size_t i = 0; i < lines_.size() && page_.size() < kMostBytes; ++i)
        page_.append(lines_[(i + low) % lines_.size()]).push_back('\n');
    } else if (op < 0xc8U) {  // series that do not come back, until the cache forgets
      for (int i = 0; i < 400; ++i) page_ += fmt::format("c{{a=\"{}\"}} 1\n", churned_++);
    } else if (op == 0xc8U) {  // other settings
      auto heir = std::make_unique<ScrapeCache>(rules_);
      heir->take_over(*cache_);
      cache_ = std::move(heir);
      plain_.forget_metadata();
    } else {
      end_page(1 + low * low);
    }
  }

  void end_page(std::size_t piece) {
    if (format_ == metrics::Format::OpenMetrics && piece % 2 == 0) page_ += "# EOF\n";
    const std::uint64_t epoch = cache_->epoch();
    cache_->begin(format_, kNow);
    if (cache_->epoch() != epoch) plain_.forget_metadata();
    const Seen want = plain_.read(format_, page_);
    Seen got = read(*cache_, page_, piece);
    assert(same_error(got.error, want.error));
    got.error = want.error;
    assert(got == want);
    in_all_ += page_.size();
    page_.clear();
  }
  bool has_enough() const { return in_all_ > kMostInAll; }

 private:
  const metrics::Format format_;
  const SeriesRules rules_;
  std::unique_ptr<ScrapeCache> cache_;
  Plain plain_;
  std::vector<std::string_view> lines_;  // at least one
  std::string page_;
  std::size_t next_ = 0, in_all_ = 0, churned_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) return 0;
  Target target(data[0], text.substr(0, end));
  for (const char op : text.substr(end + 1))
    if (!target.has_enough()) target.step(static_cast<std::uint8_t>(op));
  target.end_page(3);
  return 0;
}
