// Records as a table (RFC 4180).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/utc.h"
#include "fleet/benchmarks/benchmark.h"

namespace tessera::fleet::benchmarks {
namespace {

struct Line {
  std::size_t number = 0;  ///< at which it begins
  std::vector<std::string> cells;
};

/// One line after the other; quoted cells may hold any text, line ends too.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // as spreadsheets write it
  }

  /// Absent at the end.
  Result<std::optional<Line>> next() {
    while (at_ < text_.size() && (text_[at_] == '\r' || text_[at_] == '\n')) step();
    if (at_ >= text_.size()) return std::optional<Line>();
    Line out;
    out.number = line_;
    for (;;) {
      out.cells.push_back(TRY(cell()));
      if (at_ >= text_.size() || text_[at_] != ',') return std::optional(std::move(out));
      step();
    }
  }

 private:
  void step() { line_ += text_[at_++] == '\n' ? 1 : 0; }

  Result<std::string> cell() {
    std::string out;
    if (at_ >= text_.size() || text_[at_] != '"') {
      while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\r' && text_[at_] != '\n') {
        out += text_[at_];
        step();
      }
      return out;
    }
    const std::size_t begun = line_;
    for (step(); at_ < text_.size(); step()) {
      if (text_[at_] != '"') {
        out += text_[at_];
        continue;
      }
      step();
      if (at_ >= text_.size() || text_[at_] != '"') return ended(std::move(out));
      out += '"';
    }
    return fail(Code::Invalid, "line {}: a '\"' begins here and does not end", begun);
  }

  Result<std::string> ended(std::string cell) const {
    if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\r' && text_[at_] != '\n')
      return fail(Code::Invalid, "line {}: ',' or the line's end expected behind '\"'", line_);
    return cell;
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1;
};

Result<double> number(std::string_view column, std::string_view cell) {
  const auto out = parse_double(cell);
  if (!out) return fail(Code::Invalid, "{}: a number expected, '{}' found", column, cell);
  return *out;
}

using Take = Result<void> (*)(Record&, std::string_view cell);
struct Column {
  std::string_view name;
  bool needed;
  Take take;
  std::string (*tell)(const Record&);
};

/// A text that a spreadsheet would take for a formula is written with a `'` before it, and one that begins so by itself
/// with one more: what is read is what was written.
bool is_marked(std::string_view text) {
  const auto begin = text.find_first_not_of('\'');
  return begin != std::string_view::npos && std::string_view("=+-@").find(text[begin]) != std::string_view::npos;
}

template <std::string Record::* kMember>
Result<void> take_text(Record& into, std::string_view cell) {
  if (cell.starts_with('\'') && is_marked(cell)) cell.remove_prefix(1);
  into.*kMember = cell;
  return {};
}
template <std::string Record::* kMember>
std::string tell_text(const Record& of) {
  const std::string& text = of.*kMember;
  return is_marked(text) ? '\'' + text : text;
}

Result<void> take_better(Record& into, std::string_view cell) {
  const auto better = better_named(cell);
  if (!better) return fail(Code::Invalid, "better: higher or lower expected, '{}' found", cell);
  into.better = *better;
  return {};
}
Result<void> take_value(Record& into, std::string_view cell) {
  into.value = TRY(number("value", cell));
  return {};
}
Result<void> take_time(Record& into, std::string_view cell) {
  const auto time = parse_utc(cell);
  if (!time) return fail(Code::Invalid, "time: a time as 2026-01-31T12:00:00Z expected, '{}' found", cell);
  into.time = *time;
  return {};
}
Result<void> take_watts(Record& into, std::string_view cell) {
  if (!cell.empty()) into.watts = TRY(number("watts", cell));
  return {};
}

const std::array<Column, 10> kColumns = {{
    {"model", true, take_text<&Record::model>, tell_text<&Record::model>},
    {"driver", false, take_text<&Record::driver>, tell_text<&Record::driver>},
    {"name", true, take_text<&Record::name>, tell_text<&Record::name>},
    {"version", false, take_text<&Record::version>, tell_text<&Record::version>},
    {"value", true, take_value, [](const Record& of) { return fmt::format("{}", of.value); }},
    {"unit", true, take_text<&Record::unit>, tell_text<&Record::unit>},
    {"better", true, take_better, [](const Record& of) { return std::string(better_name(of.better)); }},
    {"source", false, take_text<&Record::source>, tell_text<&Record::source>},
    {"time", true, take_time, [](const Record& of) { return format_time(of.time); }},
    {"watts", false, take_watts, [](const Record& of) { return of.watts ? fmt::format("{}", *of.watts) : ""; }},
}};

std::string column_names() {
  std::string out;
  for (const Column& one : kColumns) out += (out.empty() ? "" : ",") + std::string(one.name);
  return out;
}

Result<std::vector<const Column*>> read_head(const Line& head) {
  std::vector<const Column*> out;
  for (const std::string& cell : head.cells) {
    const auto* const column = std::ranges::find(kColumns, trim(cell), &Column::name);
    if (column == kColumns.end())
      return fail(Code::Invalid, "line {}: no column is called '{}'; there are {}", head.number, cell, column_names());
    if (std::ranges::find(out, column) != out.end())
      return fail(Code::Invalid, "line {}: column '{}' comes twice", head.number, cell);
    out.push_back(column);
  }
  for (const Column& one : kColumns)
    if (one.needed && std::ranges::find(out, &one) == out.end())
      return fail(Code::Invalid, "line {}: column '{}' is missing", head.number, one.name);
  return out;
}

Result<Record> read_record(const Line& line, const std::vector<const Column*>& columns, EpochMs latest) {
  if (line.cells.size() != columns.size())
    return fail(Code::Invalid, "{} cells expected, {} found", columns.size(), line.cells.size());
  Record out;
  for (std::size_t i = 0; i < columns.size(); ++i) TRY(columns[i]->take(out, trim(line.cells[i])));
  TRY(check(out, latest));
  return out;
}

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

}  // namespace

Result<ReadRecords> read_csv(std::string_view text, EpochMs latest) {
  Reader reader(text);
  const auto head = TRY(reader.next());
  if (!head) return fail(Code::Invalid, "line 1: a line with the columns' names expected: {}", column_names());
  const auto columns = TRY(read_head(*head));
  ReadRecords out;
  for (;;) {
    const auto line = TRY(reader.next());
    if (!line) return out;
    if (out.taken.size() + out.refused.size() == kMostRecords)
      return fail(Code::Invalid, "line {}: {} records at most", line->number, kMostRecords);
    auto record = read_record(*line, columns, latest);
    if (record)
      out.taken.push_back(*std::move(record));
    else
      out.refused.push_back({line->number, record.error().what});
  }
}

std::string to_csv(const std::vector<Record>& records) {
  std::string out = column_names() + "\r\n";
  for (const Record& one : records) {
    std::string line;
    for (const Column& column : kColumns) line += (&column == kColumns.data() ? "" : ",") + quoted(column.tell(one));
    out += line + "\r\n";
  }
  return out;
}

}  // namespace tessera::fleet::benchmarks
