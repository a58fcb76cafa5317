#include "operator/field.h"

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "kube/quantity.h"

namespace tessera::operate {
namespace {

bool is_small(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool any(std::string_view) { return true; }

bool is_name(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  return !text.empty() && text.size() <= kLongest && is_small(text.front()) && is_small(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_small(c) || c == '-'; });
}

bool is_label_name(std::string_view text) {
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_port(std::string_view text) {
  constexpr std::int64_t kHighest = 65'535;
  constexpr std::size_t kLongestName = 63;
  if (const auto number = parse_int(text)) return *number >= 1 && *number <= kHighest;
  return is_name(text) && text.size() <= kLongestName;
}

bool is_path(std::string_view text) { return text.starts_with('/'); }

bool is_url(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos || text.size() == scheme + 3) return false;
  return text.starts_with("http://") || text.starts_with("https://");
}

bool is_address(std::string_view text) {
  return text.find('/') == std::string_view::npos && text.find(':') != std::string_view::npos;
}

bool is_retention(std::string_view text) {
  if (text.size() < 2 || std::string_view("hdwy").find(text.back()) == std::string_view::npos) return false;
  text.remove_suffix(1);
  return text.front() != '0' && std::ranges::all_of(text, is_digit);
}

/// "04:30"
bool is_clock_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return false;
  const auto hour = text.substr(0, 2), minute = text.substr(3);
  return std::ranges::all_of(hour, is_digit) && std::ranges::all_of(minute, is_digit) && hour < "24" && minute < "60";
}

bool is_window(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto from = text.substr(0, dash), to = text.substr(dash + 1);
  return is_clock_time(from) && is_clock_time(to) && from != to;
}

bool is_quantity(std::string_view text) {
  const auto value = kube::parse_quantity(text);
  return value && *value >= 0;
}

bool is_duration(std::string_view text) {
  const auto value = parse_duration(text);
  return value && value->count() > 0;
}

constexpr FormRow kForms[] = {
    {Form::Any, "", "text", any, false},
    {Form::Name, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a name of lower-case letters, digits and inner '-', at most 63",
     is_name, false},
    {Form::LabelName, "^[a-zA-Z_][a-zA-Z0-9_]*$", "a label's name: letters, digits and '_'", is_label_name, false},
    {Form::Port, "", "a port's name, or a number from 1 to 65535", is_port, true},
    {Form::Path, "^/", "a path that begins with '/'", is_path, false},
    {Form::Url, "^https?://.+", "a URL with http:// or https://", is_url, false},
    {Form::Address, "^[^/]+:[^/]+$", "HOST:PORT, without scheme and path", is_address, false},
    {Form::Quantity, "", "an amount such as 500m, 2 or 4Gi", is_quantity, true},
    {Form::Duration, "^([0-9]+(ms|s|m|h|d))+$", "a duration above 0 such as 15s or 1h30m", is_duration, false},
    {Form::Retention, "^[1-9][0-9]*[hdwy]$", "a duration such as 30d, of hours, days, weeks or years", is_retention,
     false},
    {Form::Window, "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", "a time of the day as 22:00-04:00",
     is_window, false},
};

}  // namespace

const FormRow& row_of(Form form) { return *std::ranges::find(kForms, form, &FormRow::form); }

}  // namespace tessera::operate
