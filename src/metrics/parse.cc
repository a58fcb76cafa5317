#include "metrics/parse.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/text.h"
#include "metrics/number.h"
#include "metrics/strict.h"

namespace tessera::metrics {
namespace {

constexpr std::array<std::string_view, 8> kKindNames = {"unknown",   "gauge",          "counter", "summary",
                                                        "histogram", "gaugehistogram", "info",    "stateset"};

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_label_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_label_char(char c) { return is_label_start(c) || (c >= '0' && c <= '9'); }

std::optional<Kind> parse_kind(std::string_view word, Format format) {
  if (format == Format::Text) {
    if (word == "untyped") return Kind::Unknown;
    if (word != "gauge" && word != "counter" && word != "summary" && word != "histogram") return std::nullopt;
  }
  const auto* found = std::ranges::find(kKindNames, word);
  if (found == kKindNames.end()) return std::nullopt;
  return static_cast<Kind>(found - kKindNames.begin());
}

/// Adds `text` with \n, \\ and, if wanted, \" resolved; any other backslash stands for itself.
void append_unescaped(std::string& out, std::string_view text, bool quotes) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n')
      out += '\n', ++i;
    else if (next == '\\' || (next == '"' && quotes))
      out += next, ++i;
    else
      out += text[i];
  }
}

/// Of a page, for people and their terminals: a line that ends in CR LF looks as others do, and is none.
std::string legible(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

}  // namespace

/// Functions return false after `error_` is set: this is the inner loop of every scrape, and a Result for each word of
/// it would cost more than the word.
class PageParser::Impl {
 public:
  Impl(Format format, Rules rules, PageReader& reader)
      : format_(format), strict_(rules == Rules::Strict), reader_(reader), rules_(format == Format::OpenMetrics) {}

  bool line(std::string_view text) {
    line_ = text;
    ++line_number_;
    at_ = 0;
    unescaped_.clear();
    return format_ == Format::Text ? text_line() : openmetrics_line();
  }

  void skip_lines(std::size_t count) { line_number_ += count; }

  bool end() {
    if (format_ == Format::OpenMetrics && !ended_) {
      ++line_number_, at_ = 0;
      return expected("# EOF", "the end of the page");
    }
    if (strict_)
      if (const auto wrong = rules_.finish()) return refuse(*wrong);
    return true;
  }

  bool ended() const { return ended_; }
  Error take_error() { return std::move(*error_); }

 private:
  // The place in the line.

  bool at_end() const { return at_ == line_.size(); }
  char peek() const { return at_end() ? '\0' : line_[at_]; }
  bool take(char c) {
    if (at_end() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (!at_end() && is_blank(line_[at_])) ++at_;
  }
  /// Blanks between words: any number in the text format, none in OpenMetrics where a word ends by itself.
  void skip_free_blanks() {
    if (format_ == Format::Text) skip_blanks();
  }
  std::string_view word() {
    const std::size_t begin = at_;
    while (!at_end() && !is_blank(line_[at_])) ++at_;
    return line_.substr(begin, at_ - begin);
  }

  bool refuse(std::string_view what) {
    error_ = fail(Code::Invalid, "line {}, column {}: {}", line_number_, at_ + 1, what);
    return false;
  }
  bool expected(std::string_view what, std::string_view got = {}) {
    constexpr std::size_t kShown = 40;
    if (!got.empty()) return refuse(fmt::format("expected {}, got {}", what, got));
    if (at_end()) return refuse(fmt::format("expected {}, got the end of the line", what));
    return refuse(fmt::format("expected {}, got '{}'", what, legible(line_.substr(at_, kShown))));
  }
  bool expected_at(std::size_t place, std::string_view what) {
    at_ = place;
    return expected(what);
  }

  // Words.

  /// A metric or label name from here on; empty if there is none.
  std::string_view name(bool colons) {
    const std::size_t begin = at_;
    const auto fits = [&](char c) { return is_label_char(c) || (colons && c == ':'); };
    if (!at_end() && fits(peek()) && !(peek() >= '0' && peek() <= '9'))
      while (!at_end() && fits(line_[at_])) ++at_;
    return line_.substr(begin, at_ - begin);
  }

  std::string_view unescape(std::string_view raw, bool quotes) {
    if (raw.find('\\') == std::string_view::npos) return raw;
    // All that a line unescapes to is no longer than the line, so the views into this never move.
    if (unescaped_.capacity() < line_.size()) unescaped_.reserve(line_.size());
    const std::size_t begin = unescaped_.size();
    append_unescaped(unescaped_, raw, quotes);
    return std::string_view(unescaped_).substr(begin);
  }

  /// A string in quotes, at its first quote.
  bool quoted(std::string_view& out) {
    const std::size_t open = at_++;
    bool escapes = false;
    bool ascii = true;
    for (;; ++at_) {
      if (at_end()) return refuse(fmt::format("expected '\"' to end the string of column {}", open + 1));
      const char c = line_[at_];
      if (c == '"') break;
      ascii &= static_cast<unsigned char>(c) < 0x80;
      if (c != '\\') continue;
      escapes = true;
      if (at_ + 1 == line_.size()) continue;
      ++at_;
      if (strict_ && format_ == Format::Text && line_[at_] != '\\' && line_[at_] != '"' && line_[at_] != 'n')
        return expected("n, \" or \\ after a backslash");
      ascii &= static_cast<unsigned char>(line_[at_]) < 0x80;
    }
    const std::string_view raw = line_.substr(open + 1, at_ - open - 1);
    if (!ascii && !is_utf8(raw)) return expected_at(open, "valid UTF-8");
    ++at_;
    out = escapes ? unescape(raw, true) : raw;
    return true;
  }

  /// The inside of braces, after the opening one. `metric` takes a quoted metric name; null where none may stand.
  bool labels(std::vector<Label>& out, std::string_view* metric) {
    for (;;) {
      skip_free_blanks();
      if (take('}')) return unique(out);
      const std::size_t begin = at_;
      const bool quotes = peek() == '"';
      std::string_view label;
      if (quotes) {
        if (!quoted(label)) return false;
      } else {
        label = name(false);
      }
      if (label.empty()) return expected_at(begin, "a label name or '}'");
      skip_free_blanks();
      if (quotes && metric && (peek() == ',' || peek() == '}')) {
        if (!metric->empty()) return expected_at(begin, "a label name, as the metric has a name already");
        *metric = label;
      } else if (!label_value(out, label)) {
        return false;
      }
      if (!separator()) return false;
    }
  }

  bool label_value(std::vector<Label>& out, std::string_view label) {
    if (!take('=')) return expected("'=' after the label name");
    skip_free_blanks();
    if (peek() != '"') return expected("a label value in double quotes");
    std::string_view value;
    if (!quoted(value)) return false;
    out.push_back({label, value});
    return true;
  }

  bool separator() {
    skip_free_blanks();
    const std::size_t place = at_;
    if (take(',')) {
      // Only the text format's page allows a comma after the last label; Prometheus takes it in both formats.
      if (strict_ && format_ == Format::OpenMetrics && peek() == '}') return expected_at(place, "no ',' before '}'");
      return true;
    }
    // Prometheus does without commas in the text format; its page does not.
    if (peek() == '}' || (format_ == Format::Text && !strict_)) return true;
    return expected("',' or '}'");
  }

  /// A repeated label fails the scrape in Prometheus too, only later than its parser.
  bool unique(const std::vector<Label>& list) {
    constexpr std::size_t kFew = 24;
    std::string_view twice;
    if (list.size() <= kFew) {
      std::uint64_t seen = 0;  // a bit per length and ends of a name: most names differ in one of them
      for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string_view name = list[i].name;
        const auto mark =
            name.size() * 7 + static_cast<unsigned char>(name.front()) * 3U + static_cast<unsigned char>(name.back());
        const std::uint64_t bit = std::uint64_t{1} << (mark % 64);
        if ((seen & bit) != 0 && std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i),
                                             [&](const Label& other) { return other.name == name; }))
          twice = name;
        seen |= bit;
      }
    } else {
      sorted_names_.clear();
      for (const auto& label : list) sorted_names_.push_back(label.name);
      std::ranges::sort(sorted_names_);
      if (const auto same = std::ranges::adjacent_find(sorted_names_); same != sorted_names_.end()) twice = *same;
    }
    if (!twice.empty()) return refuse(fmt::format("label '{}' stands twice", twice));
    if (std::ranges::any_of(list, [](const Label& label) { return label.name == "__name__"; }))
      return refuse("the metric's name may not be given as label '__name__'");
    return true;
  }

  bool value(double& out) {
    const std::size_t begin = at_;
    const auto parsed = parse_value(word());
    if (!parsed) return expected_at(begin, "a number");
    out = *parsed;
    return true;
  }

  // Lines of both formats.

  bool sample_line() {
    labels_.clear();
    Sample sample{};
    sample.name = name(true);
    if (sample.name.empty() && peek() != '{') return expected("a metric name");
    skip_free_blanks();
    if (take('{') && !labels(labels_, &sample.name)) return false;
    if (sample.name.empty()) return refuse("expected a metric name before or in the braces");
    sample.labels = labels_;
    if (!(format_ == Format::Text ? text_values(sample) : openmetrics_values(sample))) return false;
    if (strict_)
      if (const auto wrong = rules_.sample(sample)) return at_ = 0, refuse(*wrong);
    reader_.sample(sample);
    return true;
  }

  /// The name in a metadata line, quoted where it is not an ordinary one.
  bool family(std::string_view& out) {
    const std::size_t begin = at_;
    if (peek() == '"') {
      if (!quoted(out)) return false;
    } else {
      out = name(true);
    }
    return !out.empty() || expected_at(begin, "a metric name");
  }

  bool type(std::string_view family_name, std::string_view text) {
    const auto kind = parse_kind(text, format_);
    if (!kind)
      return expected(format_ == Format::Text
                          ? "counter, gauge, histogram, summary or untyped"
                          : "unknown, gauge, counter, summary, histogram, gaugehistogram, info or stateset");
    if (strict_)
      if (const auto wrong = rules_.type(family_name, *kind)) return refuse(*wrong);
    reader_.type(family_name, *kind);
    return true;
  }

  bool help(std::string_view family_name, std::string_view text) {
    if (!is_utf8(text)) return expected("valid UTF-8");
    if (strict_)
      if (const auto wrong = rules_.help(family_name)) return refuse(*wrong);
    reader_.help(family_name, unescape(text, format_ == Format::OpenMetrics));
    return true;
  }

  bool unit(std::string_view family_name, std::string_view text) {
    const bool is_suffix = family_name.size() > text.size() && family_name.ends_with(text) &&
                           family_name[family_name.size() - text.size() - 1] == '_';
    if (!text.empty() && !is_suffix) return expected(fmt::format("a unit that the name '{}' ends in", family_name));
    if (strict_)
      if (const auto wrong = rules_.unit(family_name, text)) return refuse(*wrong);
    reader_.unit(family_name, text);
    return true;
  }

  // The text format.

  bool text_line() {
    skip_blanks();
    if (at_end()) return true;
    return take('#') ? text_comment() : sample_line();
  }

  bool text_comment() {
    if (!is_blank(peek())) return true;
    skip_blanks();
    const std::string_view keyword = word();
    if ((keyword != "HELP" && keyword != "TYPE") || at_end()) return true;  // any other line with # says nothing
    skip_blanks();
    std::string_view name;
    if (!family(name)) return false;
    if (keyword == "TYPE") {
      skip_blanks();
      std::string_view text = line_.substr(at_);
      while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
      return type(name, text);
    }
    if (!at_end()) ++at_;
    return help(name, line_.substr(at_));
  }

  bool text_values(Sample& sample) {
    skip_blanks();
    sample.value_at = at_;
    if (!value(sample.value)) return false;
    skip_blanks();
    if (at_end()) return true;
    const std::size_t begin = at_;
    sample.time = parse_milliseconds(word());
    if (!sample.time) return expected_at(begin, "a time stamp in milliseconds");
    skip_blanks();
    return at_end() || expected("the end of the line");
  }

  // OpenMetrics.

  bool openmetrics_line() {
    if (ended_) return expected("nothing after # EOF", at_end() ? "an empty line" : "");
    if (line_ == "# EOF") return ended_ = true;
    return take('#') ? openmetrics_metadata() : sample_line();
  }

  bool openmetrics_metadata() {
    if (!take(' ')) return expected("a blank after '#'");
    const std::size_t begin = at_;
    const std::string_view keyword = word();
    if (keyword != "HELP" && keyword != "TYPE" && keyword != "UNIT")
      return expected_at(begin, "HELP, TYPE, UNIT or EOF");
    std::string_view name;
    if (!take(' ')) return expected("one blank");
    if (!family(name)) return false;
    if (!take(' ')) return expected("one blank after the name");
    const std::string_view text = line_.substr(at_);
    if (keyword == "TYPE") return type(name, text);
    return keyword == "HELP" ? help(name, text) : unit(name, text);
  }

  bool openmetrics_values(Sample& sample) {
    if (!take(' ')) return expected("one blank before the value");
    sample.value_at = at_;
    if (!value(sample.value)) return false;
    if (at_end()) return true;
    if (!take(' ')) return expected("one blank");
    if (peek() != '#') {
      if (!seconds(sample.time)) return false;
      if (at_end()) return true;
      if (!take(' ')) return expected("one blank");
    }
    return exemplar(sample);
  }

  bool exemplar(Sample& sample) {
    const std::size_t begin = at_;
    if (!take('#') || !take(' ') || !take('{')) return expected_at(begin, "'# {' of an exemplar");
    exemplar_labels_.clear();
    if (!labels(exemplar_labels_, nullptr)) return false;
    Exemplar found{exemplar_labels_, 0, std::nullopt};
    if (!take(' ')) return expected("one blank before the exemplar's value");
    if (!value(found.value)) return false;
    if (!at_end()) {
      if (!take(' ')) return expected("one blank");
      if (!seconds(found.time)) return false;
    }
    sample.exemplar = found;
    return at_end() || expected("the end of the line");
  }

  bool seconds(std::optional<EpochMs>& out) {
    const std::size_t begin = at_;
    out = parse_seconds(word());
    return out.has_value() || expected_at(begin, "a time stamp in seconds");
  }

  std::string_view line_;
  std::size_t line_number_ = 0;
  std::size_t at_ = 0;
  const Format format_;
  const bool strict_;
  bool ended_ = false;  ///< # EOF was read
  PageReader& reader_;
  StrictRules rules_;
  std::vector<Label> labels_;
  std::vector<Label> exemplar_labels_;
  std::vector<std::string_view> sorted_names_;
  std::string unescaped_;  ///< of this line
  std::optional<Error> error_;
};

std::string_view kind_name(Kind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

PageParser::PageParser(Format format, PageReader& reader, Rules rules)
    : impl_(std::make_unique<Impl>(format, rules, reader)) {}
PageParser::~PageParser() = default;

Result<void> PageParser::line(std::string_view text) {
  if (impl_->line(text)) return {};
  return impl_->take_error();
}

void PageParser::skip_lines(std::size_t count) { impl_->skip_lines(count); }
bool PageParser::ended() const { return impl_->ended(); }

Result<void> PageParser::end() {
  if (impl_->end()) return {};
  return impl_->take_error();
}

Result<void> parse(Format format, std::string_view page, PageReader& reader, Rules rules) {
  PageParser parser(format, reader, rules);
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    TRY(parser.line(page.substr(0, end)));
    page.remove_prefix(std::min(end + 1, page.size()));
  }
  return parser.end();
}

Result<void> parse_text(std::string_view page, PageReader& reader, Rules rules) {
  return parse(Format::Text, page, reader, rules);
}

Result<void> parse_openmetrics(std::string_view page, PageReader& reader, Rules rules) {
  return parse(Format::OpenMetrics, page, reader, rules);
}

}  // namespace tessera::metrics
