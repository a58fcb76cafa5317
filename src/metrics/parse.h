#pragma once
// Exposition pages, read as Prometheus reads them: text format 0.0.4 and OpenMetrics 1.0. A page is walked once; what
// it holds is handed over line by line as views, so a page of any size costs no memory of its own.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::metrics {

/// What a family says it is. The text format's `untyped` is Unknown.
enum class Kind : std::uint8_t { Unknown, Gauge, Counter, Summary, Histogram, GaugeHistogram, Info, StateSet };

/// The word OpenMetrics has for it: "gauge", "stateset".
std::string_view kind_name(Kind kind);

struct Label {
  std::string_view name;
  std::string_view value;  ///< valid UTF-8; empty means the same as no label
  bool operator==(const Label&) const = default;
};

struct Exemplar {
  std::span<const Label> labels;
  double value;
  std::optional<EpochMs> time;
};

struct Sample {
  std::string_view name;          ///< as exposed, with `_total`, `_bucket`…
  std::span<const Label> labels;  ///< in the page's order; each name once, none is `__name__`
  double value;
  std::optional<EpochMs> time;  ///< OpenMetrics' seconds are cut to whole milliseconds
  std::optional<Exemplar> exemplar;
  std::size_t value_at = 0;  ///< where in its line the value begins: all before it names the series
};

/// Takes what a page holds, in its order. Views live until the call returns.
class PageReader {
 public:
  virtual ~PageReader() = default;
  virtual void sample(const Sample& sample) = 0;
  virtual void type(std::string_view /*family*/, Kind /*kind*/) {}
  virtual void help(std::string_view /*family*/, std::string_view /*text*/) {}
  virtual void unit(std::string_view /*family*/, std::string_view /*unit*/) {}
};

enum class Rules : std::uint8_t {
  Grammar,  ///< what Prometheus accepts: the grammar alone
  Strict    ///< a lint: also what the format's pages demand of families, groups, buckets and values
};

enum class Format : std::uint8_t { Text, OpenMetrics };

/// A page fed line by line, for those who get it in pieces or know most of its lines already. After an error the page
/// is lost: feed no more of it.
class PageParser {
 public:
  PageParser(Format format, PageReader& reader, Rules rules = Rules::Grammar);
  ~PageParser();
  PageParser(const PageParser&) = delete;
  PageParser& operator=(const PageParser&) = delete;

  Result<void> line(std::string_view text);  ///< without its line feed; the reader is called before it returns
  void skip_lines(std::size_t count);        ///< lines that the caller has read by himself: they only count
  bool ended() const;                        ///< OpenMetrics' # EOF has been read: nothing may follow
  Result<void> end();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Invalid with line, column (in bytes, from 1) and what was expected. What precedes the error has been handed over
/// already: a caller that wants all or nothing keeps it aside until the page has ended well.
Result<void> parse(Format format, std::string_view page, PageReader& reader, Rules rules = Rules::Grammar);
Result<void> parse_text(std::string_view page, PageReader& reader, Rules rules = Rules::Grammar);
Result<void> parse_openmetrics(std::string_view page, PageReader& reader, Rules rules = Rules::Grammar);

}  // namespace tessera::metrics
