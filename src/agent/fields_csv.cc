#include "agent/fields_csv.h"

#include "base/text.h"

namespace tessera::agent {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<std::vector<CsvRow>> rows() {
    if (text_.starts_with(kByteOrderMark)) at_ = line_start_ = kByteOrderMark.size();
    std::vector<CsvRow> rows;
    while (!ended()) {
      skip_blanks();
      if (ended() || at_line_end() || text_[at_] == '#') {
        skip_line();
        continue;
      }
      if (rows.size() == kMaxCsvRows) return error("at most {} rows are read", kMaxCsvRows);
      rows.push_back(TRY(row()));
    }
    return rows;
  }

 private:
  bool ended() const { return at_ == text_.size(); }
  bool at_line_end() const {
    return text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }
  /// A byte that belongs into no text file; a NUL mostly means UTF-16.
  bool at_control() const {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    return (byte < 0x20 && byte != '\t' && !at_line_end()) || byte == 0x7F;
  }
  std::size_t column() const { return at_ - line_start_ + 1; }

  template <class... Args>
  Error error(fmt::format_string<Args...> text, Args&&... args) const {
    return fail(Code::Invalid, "{}:{}:{}: {}", file_, line_, column(), fmt::format(text, std::forward<Args>(args)...));
  }
  Error control_error() const {
    return error("byte 0x{:02X} in the text; plain UTF-8 expected", static_cast<unsigned char>(text_[at_]));
  }

  void skip_blanks() {
    while (!ended() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  void skip_line() {
    while (!ended() && text_[at_] != '\n') ++at_;
    if (!ended()) next_line();
  }
  void next_line() {
    ++at_;
    ++line_;
    line_start_ = at_;
  }

  Result<CsvRow> row() {
    CsvRow row;
    while (true) {
      skip_blanks();
      row.push_back(ended() || text_[at_] != '"' ? TRY(bare_cell()) : TRY(quoted_cell()));
      if (ended()) return row;
      if (text_[at_] != ',') {
        skip_line();
        return row;
      }
      ++at_;
    }
  }

  Result<CsvCell> bare_cell() {
    CsvCell cell{{}, line_, column()};
    const std::size_t start = at_;
    for (; !ended() && text_[at_] != ',' && !at_line_end(); ++at_) {
      if (text_[at_] == '"') {
        return error("a quote within an unquoted text; put the whole text in double quotes and write this quote twice");
      }
      if (at_control()) return control_error();
    }
    cell.text = valid_utf8(trim(text_.substr(start, at_ - start)));
    return cell;
  }

  Result<CsvCell> quoted_cell() {
    CsvCell cell{{}, line_, column()};
    std::string text;
    for (++at_; !ended(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        if (!ended() && text_[at_] == '"') {
          text += '"';
          continue;
        }
        skip_blanks();
        if (!ended() && text_[at_] != ',' && !at_line_end()) {
          return error("a comma or the end of the line expected after the closing quote");
        }
        cell.text = valid_utf8(trim(text));
        return cell;
      }
      if (at_control()) return control_error();
      if (at_line_end()) {
        if (text_[at_] == '\r') continue;  // CR LF within quotes is one line end
        text += '\n';
        next_line();
        --at_;
        continue;
      }
      text += text_[at_];
    }
    return fail(Code::Invalid, "{}:{}:{}: the quote that opens here is never closed", file_, cell.line, cell.column);
  }

  std::string_view text_;
  std::string_view file_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t line_start_ = 0;
};

}  // namespace

Result<std::vector<CsvRow>> parse_csv(std::string_view text, std::string_view file) {
  if (text.size() > kMaxCsvBytes) {
    return fail(Code::Invalid, "{}: {} bytes; at most {} are read", file, text.size(), kMaxCsvBytes);
  }
  return CsvReader(text, file).rows();
}

}  // namespace tessera::agent
