#include "metrics/page.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace tessera::metrics {
namespace {

constexpr std::size_t kLongestNumber = 32;               // "-2.2250738585072014e-308" has 24
constexpr double kExactWholeNumbers = 9007199254740992;  // 2^53: up to here a whole double is its own decimal digits

constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = ' '; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool is_plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

/// Whether any of eight bytes is not plain: in each term a byte that is not gets its highest bit, set or borrowed.
bool any_not_plain(std::uint64_t eight) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const auto equals = [&](char c) { return (eight ^ kEach * static_cast<unsigned char>(c)) - kEach; };
  const std::uint64_t found = eight | (eight - kEach * ' ') | equals('"') | equals('\\') | equals('\x7f');
  return (found & kEach * 0x80) != 0;
}

/// Nearly every label value is, and nothing else is asked as often.
bool all_plain(std::string_view text) {
  std::uint64_t eight = 0;
  const auto looks_plain = [&](std::size_t at) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    return !any_not_plain(eight);
  };
  if (text.size() < sizeof eight) return std::ranges::all_of(text, is_plain);
  for (std::size_t at = 0; at + sizeof eight <= text.size(); at += sizeof eight)
    if (!looks_plain(at)) return false;
  return looks_plain(text.size() - sizeof eight);  // some of them twice
}

void append_escaped(std::string& out, std::string_view text, bool escape_quotes) {
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\\')
      out += "\\\\";
    else if (c == '"' && escape_quotes)
      out += "\\\"";
    else
      out += c;
  }
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  std::array<char, kLongestNumber> digits;
  const bool whole =
      std::abs(value) < kExactWholeNumbers && value == std::trunc(value) && !(value == 0 && std::signbit(value));
  const auto end = whole ? std::to_chars(digits.begin(), digits.end(), static_cast<std::int64_t>(value)).ptr
                         : std::to_chars(digits.begin(), digits.end(), value).ptr;
  out.append(digits.begin(), end);
}

void append_points(std::string& out, const Page& page, const Page::Family& family) {
  for (const auto& point : family.points) {
    const std::string_view labels = page.text(point.labels);
    out += family.metric->name;
    if (!labels.empty()) {
      out += '{';
      out += labels;
      out += '}';
    }
    out += ' ';
    append_number(out, point.value);
    out += '\n';
  }
}

/// An upper bound of the written size, so that the text is allocated once.
std::size_t size_bound(const Page& page) {
  constexpr std::size_t kMetadataWords = sizeof("# HELP  \n# TYPE  stateset\n# UNIT  \n");
  std::size_t bytes = sizeof("# EOF\n");
  for (const auto& family : page.families()) {
    const Metric& metric = *family.metric;
    bytes += kMetadataWords + 3 * metric.name.size() + 2 * metric.help.size() + metric.unit.size();
    for (const auto& point : family.points)
      bytes += metric.name.size() + page.text(point.labels).size() + kLongestNumber + sizeof("{} \n");
  }
  return bytes;
}

void append_line(std::string& out, std::string_view word, std::string_view name, std::string_view text) {
  for (const std::string_view part :
       {std::string_view("# "), word, std::string_view(" "), name, std::string_view(" "), text})
    out += part;
  out += '\n';
}

void append_help(std::string& out, std::string_view name, std::string_view help, bool escape_quotes) {
  append_line(out, "HELP", name, "");
  out.pop_back();
  append_escaped(out, help, escape_quotes);
  out += '\n';
}

std::string_view text_type(Type type) {
  switch (type) {
    case Type::Counter:
      return "counter";
    case Type::Untyped:
      return "untyped";
    case Type::Gauge:
    case Type::Info:  // the text format has no info
      return "gauge";
  }
  return "untyped";
}

/// What OpenMetrics calls a family: there the suffix belongs to the samples, not to the family.
struct OpenMetricsName {
  std::string_view family;
  std::string_view type;
};

bool has_family(const Page& page, std::string_view name) {
  return std::ranges::any_of(page.families(),
                             [&](const auto& family) { return family.metric->name == name && !family.points.empty(); });
}

OpenMetricsName open_metrics_name(const Page& page, const Page::Family& family) {
  const std::string_view name = family.metric->name;
  // Without its suffix the family may have the name of another; then it keeps its own name and loses its type.
  const auto stem = [&](std::string_view suffix) -> std::string_view {
    if (!name.ends_with(suffix) || name.size() == suffix.size()) return {};
    const auto short_name = name.substr(0, name.size() - suffix.size());
    return has_family(page, short_name) ? std::string_view{} : short_name;
  };
  switch (family.metric->type) {
    case Type::Counter:
      if (family.metric->is_gauge) return {name, "gauge"};
      if (const auto short_name = stem("_total"); !short_name.empty()) return {short_name, "counter"};
      return {name, "unknown"};
    case Type::Info:
      if (const auto short_name = stem("_info");
          !short_name.empty() && std::ranges::all_of(family.points, [](const auto& p) { return p.value == 1; }))
        return {short_name, "info"};
      return {name, "gauge"};
    case Type::Gauge:
      return {name, "gauge"};
    case Type::Untyped:
      break;
  }
  return {name, "unknown"};
}

bool ends_in_unit(std::string_view name, std::string_view unit) {
  return !unit.empty() && name.size() > unit.size() + 1 && name.ends_with(unit) &&
         name[name.size() - unit.size() - 1] == '_';
}

}  // namespace

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (!all_plain(value)) {
    if (!out.empty()) out += ',';
    (out += name) += "=\"";
    append_escaped(out, valid_utf8(value), true);
    out += '"';
    return;
  }
  // A page is made of thousands of these: grown once, then filled.
  std::size_t at = out.size();
  out.resize(at + (at == 0 ? 0 : 1) + name.size() + value.size() + 3);
  const auto put = [&](std::string_view part) {
    std::memcpy(out.data() + at, part.data(), part.size());
    at += part.size();
  };
  if (at != 0) out[at++] = ',';
  put(name);
  put("=\"");
  put(value);
  out[at] = '"';
}

std::string label_text(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::string out;
  for (const auto& [name, value] : labels) append_label(out, name, value);
  return out;
}

LabelSet Page::labels(std::string_view text) {
  if (room_.size() < text.size()) {
    constexpr std::size_t kFirstPiece = 4096;  // the small pages of a program about itself need no more
    constexpr std::size_t kLargestPiece = 65536;
    const std::size_t size = std::max(text.size(), std::min(kFirstPiece << text_pieces_.size(), kLargestPiece));
    room_ = {text_pieces_.emplace_back(new char[size]).get(), size};
  }
  text.copy(room_.data(), text.size());
  label_sets_.emplace_back(room_.data(), text.size());
  room_ = room_.subspan(text.size());
  return static_cast<LabelSet>(label_sets_.size() - 1);
}

void Page::family(const Metric& metric) {
  assert(std::ranges::none_of(families_, [&](const auto& family) { return family.metric->name == metric.name; }));
  families_.push_back({&metric, {}});
}

void Page::add(LabelSet labels, double value) {
  assert(!families_.empty() && static_cast<std::size_t>(labels) < label_sets_.size());
  families_.back().points.push_back({labels, value});
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Gauge:
      return "gauge";
    case Type::Counter:
      return "counter";
    case Type::Untyped:
      return "untyped";
    case Type::Info:
      return "gauge (info)";
  }
  return "";
}

std::size_t Page::point_count() const {
  std::size_t count = 0;
  for (const auto& family : families_) count += family.points.size();
  return count;
}

std::string write_text(const Page& page) {
  std::string out;
  out.reserve(size_bound(page));
  for (const auto& family : page.families()) {
    if (family.points.empty()) continue;
    append_help(out, family.metric->name, family.metric->help, false);
    append_line(out, "TYPE", family.metric->name, text_type(family.metric->type));
    append_points(out, page, family);
  }
  return out;
}

std::string write_openmetrics(const Page& page) {
  std::string out;
  out.reserve(size_bound(page));
  for (const auto& family : page.families()) {
    if (family.points.empty()) continue;
    const auto [name, type] = open_metrics_name(page, family);
    append_line(out, "TYPE", name, type);
    if (type != "info" && ends_in_unit(name, family.metric->unit)) append_line(out, "UNIT", name, family.metric->unit);
    append_help(out, name, family.metric->help, true);
    append_points(out, page, family);
  }
  out += "# EOF\n";
  return out;
}

}  // namespace tessera::metrics
