#include "base/utc.h"

#include "base/text.h"

namespace tessera {
namespace {

/// The thousandths of ".25", of which more digits than three say nothing to us.
std::optional<int> thousandths(std::string_view fraction) {
  if (fraction.empty()) return 0;
  if (fraction.size() < 2 || fraction.front() != '.') return std::nullopt;
  int out = 0;
  for (std::size_t i = 1; i < fraction.size(); ++i) {
    if (fraction[i] < '0' || fraction[i] > '9') return std::nullopt;
    if (i <= 3) out = out * 10 + (fraction[i] - '0');
  }
  for (std::size_t i = fraction.size(); i <= 3; ++i) out *= 10;
  return out;
}

}  // namespace

std::optional<EpochMs> parse_utc(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kForm.size() || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(parse_int(text.substr(at, size)).value_or(0));
  };
  const auto fraction = thousandths(text.substr(kForm.size(), text.size() - kForm.size() - 1));
  using namespace std::chrono;
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60 || !fraction) return std::nullopt;
  const auto time =
      sys_days(date) + hours(number(11, 2)) + minutes(number(14, 2)) + seconds(number(17, 2)) + milliseconds(*fraction);
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

}  // namespace tessera
