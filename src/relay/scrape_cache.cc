#include "relay/scrape_cache.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "metrics/number.h"

namespace tessera::relay {
namespace {

constexpr EpochMs kAhead = 600'000;          // Prometheus' tolerance for time stamps from the future
constexpr std::size_t kForgetBeyond = 1000;  // lines and series of the past that are not worth a rebuild
constexpr std::size_t kForgetBytes = 4U << 20U;
constexpr std::size_t kLongestLine = 4U << 20U;
constexpr std::size_t kMostIdleBytes = 32U << 20U, kLineCost = 100;  // beside the text itself, about

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// How much of a line is the name of its metric.
std::size_t name_size(std::string_view line) {
  return static_cast<std::size_t>(std::ranges::find_if(line, [](char c) { return c == '{' || is_blank(c); }) -
                                  line.begin());
}

/// Where the value begins in a line that holds a sample, by its quotes and braces alone; 0 where that is not plain.
std::size_t value_place(std::string_view line) {
  if (line.starts_with('#')) return 0;
  std::size_t at = name_size(line);
  if (at < line.size() && line[at] == '{') {
    for (bool quoted = false; ++at < line.size();) {
      if (line[at] == '"')
        quoted = !quoted;
      else if (line[at] == '\\' && quoted)
        ++at;
      else if (line[at] == '}' && !quoted)
        break;
    }
    ++at;
  }
  while (at < line.size() && is_blank(line[at])) ++at;
  return at < line.size() ? at : 0;
}

/// A plain decimal number of at most 15 digits: exact, because both parts of the division are. The text ends in a line
/// feed somewhere. Null where it is not plain: somebody else reads it.
const char* read_plain(const char* at, double& value) {
  static constexpr std::array<double, 16> kTens = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = *at == '-';
  if (negative) ++at;
  std::uint64_t mantissa = 0;
  const char* const begin = at;
  for (; is_digit(*at); ++at) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at - '0');
  std::ptrdiff_t digits = at - begin;
  std::ptrdiff_t decimals = 0;
  if (*at == '.') {
    const char* const point = at++;
    for (; is_digit(*at); ++at) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at - '0');
    decimals = at - point - 1;
    digits += decimals;
  }
  if (digits == 0 || digits > 15) return nullptr;
  value = static_cast<double>(mantissa) / kTens[static_cast<std::size_t>(decimals)];
  if (negative) value = -value;
  return at;
}

const char* read_number(const char* at, const char* end, double& value) {
  const char* const plain = read_plain(at, value);
  if (plain && (*plain == '\n' || is_blank(*plain))) return plain;
  const char* const stop = std::find_if(at, end, [](char c) { return c == '\n' || is_blank(c); });
  const auto parsed = metrics::parse_value({at, static_cast<std::size_t>(stop - at)});
  if (!parsed) return nullptr;
  value = *parsed;
  return stop;
}

}  // namespace

/// What the parser finds in a line that was not known.
class ScrapeCache::Reader : public metrics::PageReader {
 public:
  Reader(ScrapeCache& cache, metrics::Format format) : parser(format, *this), cache_(cache) {}

  Result<void> line(std::string_view text) {
    text_ = text;
    was_sample_ = false;
    TRY(parser.line(text));
    if (!error_) return {};
    return *error_;
  }
  bool was_sample() const { return was_sample_; }

  void sample(const metrics::Sample& sample) override;
  void type(std::string_view family, metrics::Kind kind) override { changed(cache_.table_->set_kind(family, kind)); }
  void help(std::string_view family, std::string_view text) override { changed(cache_.table_->set_help(family, text)); }
  void unit(std::string_view family, std::string_view unit) override { changed(cache_.table_->set_unit(family, unit)); }

  metrics::PageParser parser;

 private:
  void changed(bool is_new) { cache_.words_changed_ += is_new ? 1 : 0; }
  std::uint32_t learn(const metrics::Sample& sample, std::string_view prefix);
  std::uint32_t series_of(const metrics::Sample& sample, std::string_view prefix);
  std::string located(const metrics::Sample& sample, const Ruled& ruled) const;

  ScrapeCache& cache_;
  std::string_view text_;
  bool was_sample_ = false;
  std::optional<Error> error_;
};

void ScrapeCache::Reader::sample(const metrics::Sample& sample) {
  was_sample_ = true;
  const std::string_view prefix = text_.substr(0, sample.value_at);
  const std::uint32_t line = cache_.find_line(prefix);
  const std::uint32_t series = line == kNoRow ? learn(sample, prefix) : cache_.lines_[line].series;
  if (error_) return;
  if (line != kNoRow) cache_.follow(line);
  const std::size_t before = cache_.page_.samples.size();
  cache_.take_sample(series, sample.value, sample.time);
  if (!sample.exemplar || cache_.page_.samples.size() == before) return;
  std::vector<Label> labels;
  for (const auto& [name, value] : sample.exemplar->labels) labels.push_back({std::string(name), std::string(value)});
  cache_.page_.exemplars.push_back({static_cast<std::uint32_t>(before), to_labels(std::move(labels)),
                                    sample.exemplar->value, sample.exemplar->time});
}

std::uint32_t ScrapeCache::Reader::learn(const metrics::Sample& sample, std::string_view prefix) {
  std::uint32_t series = series_of(sample, prefix);
  if (error_ || (series >= kUnfit && !cache_.has_room_for(prefix))) return series;
  series = cache_.watched(sample, series);
  cache_.follow(cache_.add_line(prefix, series));
  return series;
}

/// Without relabelling, what stands in the braces alone decides on the labels (but a name may be too long a value): the
/// metrics of a page repeat the same few, and the work on them is done once.
std::uint32_t ScrapeCache::Reader::series_of(const metrics::Sample& sample, std::string_view prefix) {
  auto& sets = cache_.label_sets_;
  const auto& longest = cache_.rules_.limits.label_value_length;
  const bool is_plain = cache_.rules_.metric_relabel.empty() && prefix.starts_with(sample.name) &&
                        !(longest && sample.name.size() > *longest);
  const std::string_view braces = prefix.substr(name_size(prefix));
  if (is_plain)
    if (const auto known = cache_.texts_.find(braces); known < sets.size() && sets[known] != kNoRow)
      return cache_.table_->add(sample.name, sets[known]);
  const Ruled ruled = rule(sample.name, sample.labels, cache_.rules_);
  switch (ruled.outcome) {
    case Ruled::Outcome::Goes:
      break;
    case Ruled::Outcome::Dropped:
      return kDropped;
    case Ruled::Outcome::Unfit:
      if (cache_.unfit_note_.empty()) cache_.unfit_note_ = located(sample, ruled);
      return kUnfit;
    case Ruled::Outcome::Exceeds:
      error_ = fail(Code::Invalid, "{}", located(sample, ruled));
      return kNoRow;
  }
  const std::uint32_t series = cache_.table_->add(ruled.labels, sample.name);
  if (is_plain) {
    const std::uint32_t added = cache_.texts_.number(braces);
    if (added >= sets.size()) sets.resize(added + 1, kNoRow);
    sets[added] = (*cache_.table_)[series].labels;
  }
  return series;
}

/// Points at the label where it stands on the page, under the name it has there.
std::string ScrapeCache::Reader::located(const metrics::Sample& sample, const Ruled& ruled) const {
  std::string_view culprit = sample.name;
  for (const metrics::Label& label : sample.labels)
    if (ruled.label && (label.name == *ruled.label || "exported_" + std::string(label.name) == *ruled.label))
      culprit = label.name;
  const bool stands_here = culprit.data() >= text_.data() && culprit.data() < text_.data() + text_.size();
  const auto column = stands_here ? culprit.data() - text_.data() + 1 : 1;  // not so where it has escapes
  return fmt::format("line {}, column {}: {}", cache_.lines_read_ + 1, column, ruled.why);
}

ScrapeCache::ScrapeCache(SeriesRules rules) : rules_(std::move(rules)), table_(std::make_unique<SeriesTable>()) {
  rebuild();
}
ScrapeCache::~ScrapeCache() = default;

void ScrapeCache::begin(metrics::Format format, EpochMs now) {
  forget();
  reader_ = std::make_unique<Reader>(*this, format);
  carry_.clear();
  is_text_ = format == metrics::Format::Text;
  ended_ = false;
  ++page_number_;
  last_line_ = 0;
  lines_read_ = known_lines_ = still_live_ = bytes_read_ = 0;
  latest_time_ = now + kAhead;
  page_ = {};
  page_.samples.reserve(usual_samples_);
  page_.times.reserve(usual_times_);
  if (weights_) weights_->begin();
}

Result<void> ScrapeCache::feed(std::string_view piece) {
  bytes_read_ += piece.size();
  const std::size_t last = piece.rfind('\n');
  if (last == std::string_view::npos) {
    if (carry_.size() + piece.size() > kLongestLine)
      return fail(Code::Invalid, "line {}: it has more than {} bytes", lines_read_ + 1, kLongestLine);
    carry_ += piece;
    return {};
  }
  if (!carry_.empty()) {
    const std::size_t first = piece.find('\n') + 1;
    carry_ += piece.substr(0, first);
    TRY(take_lines(carry_));
    carry_.clear();
    piece.remove_prefix(first);
  }
  const std::size_t whole = piece.rfind('\n') + 1;  // npos + 1 is 0
  TRY(take_lines(piece.substr(0, whole)));
  carry_ = piece.substr(whole);
  return {};
}

Result<void> ScrapeCache::take_lines(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const std::uint32_t expected = lines_[last_line_].next;
    const char* next = expected < lines_.size() && !ended_ ? take_known(at, end, expected) : nullptr;
    if (!next) {
      next = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at))) + 1;
      TRY(take_unknown({at, static_cast<std::size_t>(next - at - 1)}));
    }
    at = next;
    ++lines_read_;
    if (const auto& limit = rules_.limits.samples; limit && page_.samples.size() > *limit)
      return fail(Code::Invalid, "line {}: sample_limit: the page has more than {} samples after relabelling",
                  lines_read_, *limit);
  }
  return {};
}

/// Behind the start of the text from `at`, which ends in a line feed; null where it begins otherwise.
const char* ScrapeCache::skip(Start start, const char* at, const char* end) const {
  for (const std::uint32_t part : {start.name, start.rest}) {
    const std::string_view text = texts_.text(part);
    if (!std::string_view(at, end).starts_with(text)) return nullptr;
    at += text.size();
  }
  return at;
}

/// The beginning of the next line, if this one is the known `line`, with a number and at most a time stamp behind it.
const char* ScrapeCache::take_known(const char* at, const char* end, std::uint32_t line) {
  const Line& known = lines_[line];
  at = skip(known.start, at, end);
  if (!at) return nullptr;
  if (is_comment(known.series)) {
    if (*at != '\n' || known.series != comment_mark()) return nullptr;
    follow(line);
    ++known_lines_;
    return at + 1;
  }
  double value = 0;
  at = read_number(at, end, value);
  if (!at) return nullptr;
  std::optional<EpochMs> time;
  if (*at == ' ') {
    const char* const stop = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    const std::string_view text(at + 1, static_cast<std::size_t>(stop - at - 1));
    time = is_text_ ? metrics::parse_milliseconds(text) : metrics::parse_seconds(text);
    if (!time) return nullptr;
    at = stop;
  }
  if (*at != '\n') return nullptr;
  const std::uint32_t series = known.series;
  follow(line);
  ++known_lines_;
  take_sample(series, value, time);
  return at + 1;
}

Result<void> ScrapeCache::take_unknown(std::string_view line) {
  if (!ended_) {
    const std::size_t place = value_place(line);
    const std::uint32_t elsewhere = place == 0 ? kNoRow : find_line(line.substr(0, place));
    if (elsewhere != kNoRow && take_known(line.data(), line.data() + line.size() + 1, elsewhere)) return {};
  }
  reader_->parser.skip_lines(std::exchange(known_lines_, 0));
  TRY(reader_->line(line));
  ended_ = reader_->parser.ended();
  if (reader_->was_sample() || ended_) return {};
  // A comment is taken as known only where it was expected: met elsewhere, it may say something new of its family.
  const std::uint32_t same = find_line(line);
  if (same == kNoRow || !is_comment(lines_[same].series)) {
    if (has_room_for(line)) follow(add_line(line, comment_mark()));
  } else {
    lines_[same].series = comment_mark();
    follow(same);
  }
  return {};
}

std::uint64_t ScrapeCache::hash_of(Start start) { return mixed((std::uint64_t{start.name} << 32U | start.rest) + 1); }

std::uint32_t ScrapeCache::find_line(std::string_view text) const {
  const std::size_t name = name_size(text);
  const Start start{texts_.find(text.substr(0, name)), texts_.find(text.substr(name))};
  if (start.name == kNoRow || start.rest == kNoRow) return kNoRow;
  return lines_by_start_.find(hash_of(start), [&](std::uint32_t i) { return lines_[i].start == start; });
}

/// For a line that stands for no series: no limit of samples is about those. Counts it.
bool ScrapeCache::has_room_for(std::string_view line) {
  if (idle_bytes_ + line.size() + kLineCost > kMostIdleBytes) return false;
  idle_bytes_ += line.size() + kLineCost;
  return true;
}

std::uint32_t ScrapeCache::add_line(std::string_view text, std::uint32_t series) {
  const std::size_t name = name_size(text);
  const auto added = static_cast<std::uint32_t>(lines_.size());
  lines_.push_back({{texts_.number(text.substr(0, name)), texts_.number(text.substr(name))}, series, kNoRow});
  lines_by_start_.insert(added, [this](std::uint32_t i) { return hash_of(lines_[i].start); });
  return added;
}

void ScrapeCache::follow(std::uint32_t line) {
  lines_[last_line_].next = line;
  last_line_ = line;
}

void ScrapeCache::take_sample(std::uint32_t series, double value, std::optional<EpochMs> time) {
  ++page_.scraped;
  if (series >= kWatched) {
    if (series < kUnfit) {
      weights_->note(series - kWatched, value);
      series = watched_[series - kWatched];
    }
    if (series == kUnfit) ++page_.unfit;
    if (series >= kUnfit) return;
  }
  take_series(series, value, time);
}

void ScrapeCache::take_series(std::uint32_t series, double value, std::optional<EpochMs> time) {
  Series& row = (*table_)[series];
  if (row.seen == page_number_) {
    ++page_.duplicates;
    return;
  }
  if (time && *time > latest_time_ && rules_.honor_timestamps) {
    ++page_.too_far_ahead;
    return;
  }
  if (row.seen != last_page_ || last_page_ == 0) ++page_.added;
  row.seen = page_number_;
  still_live_ += row.live ? 1 : 0;
  if (time && rules_.honor_timestamps) page_.times.push_back({static_cast<std::uint32_t>(page_.samples.size()), *time});
  page_.samples.push_back({series, value});
}

Result<ScrapedPage> ScrapeCache::finish() {
  if (!carry_.empty()) {
    carry_ += '\n';
    TRY(take_lines(carry_));
    carry_.clear();
  }
  reader_->parser.skip_lines(known_lines_);
  TRY(reader_->parser.end());
  reader_.reset();
  if (weights_) TRY(derive());

  if (still_live_ != live_)
    for (std::uint32_t i = 0; i < table_->size(); ++i)
      if (Series& row = (*table_)[i]; row.live && row.seen != page_number_) {
        row.live = false;
        page_.stale.push_back(i);
      }
  auto timed = page_.times.begin();
  live_ = 0;
  for (std::uint32_t i = 0; i < page_.samples.size(); ++i) {
    const bool has_time = timed != page_.times.end() && timed->sample == i;
    if (has_time) ++timed;
    Series& row = (*table_)[page_.samples[i].series];
    row.live = !has_time || rules_.track_timestamps_staleness;
    live_ += row.live ? 1 : 0;
  }
  last_page_ = page_number_;
  usual_lines_ = lines_read_;
  usual_bytes_ = bytes_read_;
  usual_samples_ = page_.samples.size();
  usual_times_ = page_.times.size();
  if (page_.unfit > 0) page_.unfit_note = unfit_note_;
  return std::move(page_);
}

ScrapedPage ScrapeCache::fail_page() {
  reader_.reset();
  carry_.clear();
  page_ = {};
  for (std::uint32_t i = 0; i < table_->size(); ++i)
    if (Series& row = (*table_)[i]; row.live) {
      row.live = false;
      page_.stale.push_back(i);
    }
  live_ = 0;
  last_page_ = ++page_number_;  // a page with nothing on it
  return std::move(page_);
}

void ScrapeCache::forget() {
  const std::size_t texts = texts_.bytes() + table_->text_bytes() + carry_.capacity();
  if (lines_.size() > 2 * usual_lines_ + kForgetBeyond || table_->size() > 2 * live_ + usual_samples_ + kForgetBeyond ||
      texts > 8 * usual_bytes_ + kForgetBytes)
    rebuild();
}

/// Keeps the series that are owed a stale marker or are not new on the next page, and learns all else anew.
void ScrapeCache::rebuild() {
  const auto old = std::exchange(table_, std::make_unique<SeriesTable>());
  keep_rows(*old);
  texts_ = {};
  lines_.assign(1, Line{{0, 0}, kComments, kNoRow});
  lines_by_start_ = {};
  idle_bytes_ = 0;
  carry_ = {};
  label_sets_.clear();
  watched_.clear();
  derived_.clear();
  unfit_note_.clear();
  if (rules_.derive_gpu_weights) {
    weights_ = std::make_unique<ScrapeWeights>();
    for (const auto& [name, help] : {ScrapeWeights::kSlices, ScrapeWeights::kWeighted}) {
      table_->set_kind(name, metrics::Kind::Gauge);
      table_->set_help(name, help);
    }
  }
  last_line_ = 0;
  ++epoch_;
}

void ScrapeCache::keep_rows(const SeriesTable& from) {
  live_ = 0;
  for (std::uint32_t i = 0; i < from.size(); ++i) {
    const Series& row = from[i];
    if (!row.live && (row.seen != last_page_ || last_page_ == 0)) continue;
    Series& copy = (*table_)[table_->add(from.labels(row), from.scraped_name(row.metric))];
    copy.seen = row.seen;
    copy.live = row.live;
    live_ += row.live ? 1 : 0;
  }
}

void ScrapeCache::take_over(const ScrapeCache& before) {
  page_number_ = before.page_number_;
  last_page_ = before.last_page_;
  keep_rows(*before.table_);
}

}  // namespace tessera::relay
