#pragma once
// What one target's pages have taught: for each line seen before, the series it stands for. A page like the last one
// costs a comparison and a number per line, and no allocation; lines in another order cost a hash each. Pages come in
// pieces of any size; what they hold counts only once they have ended well. Thread contract: one thread.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "metrics/parse.h"
#include "relay/dictionary.h"
#include "relay/index_table.h"
#include "relay/scrape_weights.h"
#include "relay/series_rules.h"
#include "relay/series_table.h"

namespace tessera::relay {

struct ScrapedSample {
  std::uint32_t series;  ///< of ScrapeCache::table()
  double value;          ///< its bits as they go out: NaN is always Prometheus' own
};

struct ScrapedTime {
  std::uint32_t sample;  ///< its place in ScrapedPage::samples
  EpochMs time;
};

struct ScrapedExemplar {
  std::uint32_t sample;
  Labels labels;
  double value;
  std::optional<EpochMs> time;
};

/// What a page came to.
struct ScrapedPage {
  std::vector<ScrapedSample> samples;  ///< one a series, those that were derived last
  std::vector<ScrapedTime> times;      ///< of those samples that brought their own, in order
  std::vector<ScrapedExemplar> exemplars;
  std::vector<std::uint32_t> stale;  ///< series that were in the last good page and are not in this one
  std::uint64_t scraped = 0;         ///< sample lines, before relabelling
  std::uint64_t added = 0;           ///< series that the last good page did not have
  std::uint64_t duplicates = 0;      ///< further samples of a series on the same page: the first one counts
  std::uint64_t too_far_ahead = 0;   ///< left out: time stamps more than 10 minutes in the future
  std::uint64_t unfit = 0;           ///< left out: names that remote write does not have
  std::string unfit_note;            ///< where the first of them was met and what is wrong with it; empty: none
  std::uint64_t clamped = 0;         ///< utilizations above 1 that were taken as 1 to derive others
};

class ScrapeCache {
 public:
  explicit ScrapeCache(SeriesRules rules);
  ~ScrapeCache();
  ScrapeCache(const ScrapeCache&) = delete;
  ScrapeCache& operator=(const ScrapeCache&) = delete;

  /// A new page begins; one that was not finished is forgotten.
  void begin(metrics::Format format, EpochMs now);
  /// The next piece. An error (line and column, or the limit) ends the page: call fail_page().
  Result<void> feed(std::string_view piece);
  /// The page has ended well in the transport's eyes. After an error call fail_page().
  Result<ScrapedPage> finish();
  /// There is no page this time: every series that went out is stale now. Also when a target leaves.
  ScrapedPage fail_page();

  /// Gives up what much more than the usual page has taught. Numbers of rows mean something else then. For who has done
  /// with a page that failed; the next page begins with it anyway.
  void forget();

  /// Owes stale markers for what `before` owes them for. Before the first page.
  void take_over(const ScrapeCache& before);

  const SeriesRules& rules() const { return rules_; }
  const SeriesTable& table() const { return *table_; }
  /// Numbers of the table's rows mean something else when this has changed.
  std::uint64_t epoch() const { return epoch_; }
  std::size_t lines() const { return lines_.size(); }

 private:
  class Reader;
  /// What stands before a line's value, or all of a line without one, in two parts: the metrics of a page repeat the
  /// same few braces, so both parts of all lines are little text, and comparing it finds it in the processor's cache.
  struct Start {
    std::uint32_t name;  ///< up to the first brace or blank, in texts_
    std::uint32_t rest;  ///< the braces and the blanks behind them, likewise
    bool operator==(const Start&) const = default;
  };
  struct Line {
    Start start;
    std::uint32_t series;  ///< or one of the marks below
    std::uint32_t next;    ///< the line that followed it last time
  };
  static constexpr std::uint32_t kDropped = 0xffff'fffe;   ///< metric relabelling drops it
  static constexpr std::uint32_t kUnfit = 0xffff'fffd;     ///< left out for its name, and counted
  static constexpr std::uint32_t kComments = 0xc000'0000;  ///< and above: plus words_changed_ when it was read
  static constexpr std::uint32_t kWatched = 0x8000'0000;   ///< and above: plus its number in watched_
  static bool is_comment(std::uint32_t series) { return series >= kComments && series < kUnfit; }
  std::uint32_t comment_mark() const { return kComments + words_changed_ % (kUnfit - kComments); }

  Result<void> take_lines(std::string_view text);
  const char* take_known(const char* at, const char* end, std::uint32_t line);
  Result<void> take_unknown(std::string_view line);
  const char* skip(Start start, const char* at, const char* end) const;
  static std::uint64_t hash_of(Start start);
  std::uint32_t find_line(std::string_view text) const;
  bool has_room_for(std::string_view line);
  std::uint32_t add_line(std::string_view text, std::uint32_t series);
  void follow(std::uint32_t line);
  void take_sample(std::uint32_t series, double value, std::optional<EpochMs> time);
  void take_series(std::uint32_t series, double value, std::optional<EpochMs> time);
  std::uint32_t watched(const metrics::Sample& sample, std::uint32_t series);
  Result<void> derive();
  Result<std::uint32_t> row_of(std::uint32_t made);
  void rebuild();
  void keep_rows(const SeriesTable& from);

  const SeriesRules rules_;
  std::unique_ptr<SeriesTable> table_;
  Dictionary texts_;  ///< parts of lines, as they stand on the page
  std::vector<Line> lines_;
  IndexTable lines_by_start_;
  std::vector<std::uint32_t> label_sets_;   ///< of the table, or kNoRow, for each of texts_ that stands in braces
  std::unique_ptr<ScrapeWeights> weights_;  ///< null: nothing is derived
  std::vector<std::uint32_t> watched_;      ///< the series, or kDropped, of each line that weights_ watches
  std::vector<std::uint32_t> derived_;      ///< the series, or kDropped, of each that weights_ makes
  std::uint64_t epoch_ = 0;
  std::size_t live_ = 0;         ///< series that a stale marker is owed to
  std::size_t idle_bytes_ = 0;   ///< what lines cost that stand for no series
  std::size_t usual_lines_ = 0;  ///< of the last good page
  std::size_t usual_bytes_ = 0;
  std::size_t usual_samples_ = 0;
  std::size_t usual_times_ = 0;
  std::uint32_t words_changed_ = 0;  ///< how often a comment has told a family anew: what was read before may be wrong
  std::string unfit_note_;           ///< of the first unfit line that lines_ holds

  // Of the page that is being read.
  std::unique_ptr<Reader> reader_;
  std::string carry_;  ///< the beginning of a line whose end has not come
  std::uint32_t page_number_ = 0;
  std::uint32_t last_page_ = 0;  ///< the number of the one before, whose series are not new
  std::uint32_t last_line_ = 0;  ///< line 0 stands before the first of every page
  bool is_text_ = true;
  bool ended_ = false;  ///< by # EOF
  std::size_t lines_read_ = 0;
  std::size_t bytes_read_ = 0;
  std::size_t known_lines_ = 0;  ///< read here since the parser saw one
  std::size_t still_live_ = 0;   ///< of live_, those on this page
  EpochMs latest_time_ = 0;
  ScrapedPage page_;
};

}  // namespace tessera::relay
