#include "relay/config_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tessera::relay {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

constexpr struct {
  std::string_view unit;
  unsigned shift;
} kByteUnits[] = {{"", 0},     {"B", 0},    {"KB", 10},  {"MB", 20},  {"GB", 30},  {"TB", 40},
                  {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"PiB", 50}, {"PB", 50}};

bool is_nothing(const config::Node& node) {
  if (node.is_null()) return true;
  if (node.is_list()) return node.list()->empty();
  if (node.is_map()) return node.entries()->empty();
  return false;
}

bool is_off(const config::Node& node) {
  const auto flag = node.flag();
  const auto number = node.integer();
  return (flag && !*flag) || (number && *number == 0);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto length = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_double(text.substr(0, length));
  const auto* row = std::ranges::find_if(kByteUnits, [&](const auto& one) { return one.unit == text.substr(length); });
  if (!number || row == std::end(kByteUnits)) return std::nullopt;
  const double bytes = std::ldexp(*number, static_cast<int>(row->shift));
  if (!(bytes >= 0 && bytes < static_cast<double>(kMost))) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace

std::string spelled(std::string_view snake, Spelling spelling) {
  if (spelling == Spelling::Snake) return std::string(snake);
  std::string out;
  bool raise = false;
  for (const char c : snake) {
    if (c == '_') {
      raise = true;
    } else {
      out += raise && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      raise = false;
    }
  }
  return out;
}

Result<void> Section::only(const std::vector<std::string_view>& known, const std::vector<Foreign>& foreign) const {
  std::vector<std::string> names;
  for (const auto key : known) names.push_back(spell(key));
  for (const Foreign& row : foreign) {
    const auto value = node_.find(spell(row.key));
    if (!value) continue;
    names.push_back(spell(row.key));
    if (is_nothing(*value)) continue;
    if (row.treatment == Foreign::Treatment::Ineffective)
      warn(row.key, fmt::format("has no effect: {}", row.words));
    else if (row.treatment == Foreign::Treatment::Refused || !is_off(*value))
      return error(row.key, fmt::format("not supported: {}", row.words));
  }
  return node_.only({names.begin(), names.end()});
}

std::optional<config::Node> Section::find(std::string_view key) const {
  auto value = node_.find(spell(key));
  if (value && value->is_null()) value.reset();
  return value;
}

std::optional<Section> Section::below(std::string_view key) const {
  const auto value = find(key);
  return value ? std::optional(Section(*value, spelling_, *reading_)) : std::nullopt;
}

Result<std::vector<Section>> Section::each(std::string_view key) const {
  std::vector<Section> out;
  const auto value = find(key);
  if (!value) return out;
  const auto items = TRY(value->list());
  for (const auto& item : items) out.emplace_back(item, spelling_, *reading_);
  return out;
}

void Section::read_each(std::string_view key, const std::function<Result<void>(const Section&)>& read) const {
  const auto items = each(key);
  if (!items) return reading_->note(items.error());
  for (const Section& item : *items) reading_->note(read(item));
}

Result<void> Section::read(std::string_view key, std::string& into) const { return node_.read(spell(key), into); }

Result<void> Section::read(std::string_view key, bool& into) const { return node_.read(spell(key), into); }

Result<void> Section::read(std::string_view key, std::vector<std::string>& into) const {
  return node_.read(spell(key), into);
}

Result<void> Section::read(std::string_view key, Milliseconds& into) const {
  const auto value = find(key);
  if (!value) return {};
  const auto text = value->text();
  if (!text) return value->duration().error();  // says what is expected
  // Prometheus takes a bare 0, too.
  const auto parsed = *text == "0" ? Result<Milliseconds>(Milliseconds(0)) : parse_duration(*text);
  if (!parsed) return value->error(valid_utf8(parsed.error().what));
  into = *parsed;
  return {};
}

Result<void> Section::read_period(std::string_view key, Milliseconds& into) const {
  TRY(read(key, into));
  if (has(key) && into.count() == 0) return error(key, "expected a duration above 0");
  return {};
}

Result<void> Section::read(std::string_view key, Secret& into) const {
  const auto value = find(key);
  if (!value) return {};
  const auto text = value->text();
  if (!text) return value->error("expected text");
  if (text->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return value->error("a secret stands on one line");  // and is not shown
  into = Secret(*text);
  return {};
}

Result<void> Section::read_at_least_one(std::string_view key, std::uint32_t& into) const {
  if (const auto value = find(key)) into = static_cast<std::uint32_t>(TRY(value->integer(1, 1'000'000'000)));
  return {};
}

Result<void> Section::read_path(std::string_view key, std::string& into) const {
  TRY(read(key, into));
  if (into.find('\0') != std::string::npos) return error(key, "a path has no NUL in it");
  if (!into.empty() && has(key)) into = (reading_->folder / into).string();
  return {};
}

Result<void> Section::read_limit(std::string_view key, std::optional<std::uint64_t>& into) const {
  const auto value = find(key);
  if (!value) return {};
  const auto limit = static_cast<std::uint64_t>(TRY(value->integer(0)));
  into = limit == 0 ? std::nullopt : std::optional(limit);
  return {};
}

Result<void> Section::read_bytes(std::string_view key, std::optional<std::uint64_t>& into) const {
  const auto value = find(key);
  if (!value) return {};
  const auto text = value->text();
  const auto bytes = text ? parse_bytes(*text) : std::nullopt;
  if (!bytes) return value->error("expected a size such as 512KB, 64MB or 1GB (of 1024), or 0 for no limit");
  if (*bytes == 0)
    into.reset();
  else
    into = bytes;
  return {};
}

Error Section::error(std::string_view key, std::string_view what) const { return node_.key_error(spell(key), what); }

void Section::warn(std::string_view key, std::string_view what) const {
  reading_->warnings.push_back(error(key, what).what);
}

}  // namespace tessera::relay
