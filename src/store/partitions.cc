#include "store/partitions.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <vector>

#include "store/dialect.h"

namespace tessera::store {
namespace {
using namespace std::chrono;

constexpr EpochMs kDay = 24 * 3'600'000;
constexpr std::array<Resolution, kResolutions> kAll = {Resolution::Raw, Resolution::FiveMinutes, Resolution::Hour};

EpochMs ms_of(sys_days day) { return duration_cast<Milliseconds>(day.time_since_epoch()).count(); }

bool by_day(Resolution resolution) { return resolution == Resolution::Raw; }

template <class Work>
Result<void> each_table(const Work& work) {
  for (const Resolution resolution : kAll)
    for (const std::string_view table : {usage_table(resolution), owned_table(resolution)})
      TRY(work(table, resolution));
  return {};
}

}  // namespace

Piece piece_at(EpochMs time, bool by_day) {
  const sys_days day = floor<days>(sys_time<Milliseconds>(Milliseconds(time)));
  const year_month_day date(day);
  const int year = static_cast<int>(date.year());
  const unsigned month = static_cast<unsigned>(date.month());
  if (by_day)
    return {ms_of(day), ms_of(day + days(1)),
            fmt::format("_p{:04}{:02}{:02}", year, month, static_cast<unsigned>(date.day()))};
  const year_month first = date.year() / date.month();
  return {ms_of(sys_days(first / 1)), ms_of(sys_days((first + months(1)) / 1)),
          fmt::format("_p{:04}{:02}", year, month)};
}

std::optional<Piece> piece_named(std::string_view partition) {
  const auto at = partition.rfind("_p");
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = partition.substr(at + 2);
  if (digits.size() != 6 && digits.size() != 8) return std::nullopt;
  const auto number = [&](std::size_t from, std::size_t count) {
    int out = -1;
    const char* end = digits.data() + from + count;
    return std::from_chars(digits.data() + from, end, out).ptr == end ? out : -1;
  };
  const int first = digits.size() == 8 ? number(6, 2) : 1;
  const year_month_day date(year(number(0, 4)), month(static_cast<unsigned>(number(4, 2))),
                            day(static_cast<unsigned>(first)));
  if (!date.ok()) return std::nullopt;
  Piece out = piece_at(ms_of(sys_days(date)), digits.size() == 8);
  return out.suffix == partition.substr(at) ? std::optional(std::move(out)) : std::nullopt;
}

Result<void> Partitions::prepare(Database& database, EpochMs now) {
  if (!database.dialect().partitions || prepared_ == now / kDay) return {};
  TRY(each_table([&](std::string_view table, Resolution resolution) -> Result<void> {
    const Piece last = piece_at(piece_at(now, by_day(resolution)).end, by_day(resolution));
    for (EpochMs time = now - retention_.of(resolution).count(); time < last.end;) {
      const Piece piece = piece_at(time, by_day(resolution));
      TRY(database.run(fmt::format("CREATE TABLE IF NOT EXISTS {0}{1} PARTITION OF {0} FOR VALUES FROM ({2}) TO ({3})",
                                   table, piece.suffix, piece.begin / 1000, piece.end / 1000)));
      time = piece.end;
    }
    return {};
  }));
  prepared_ = now / kDay;
  return {};
}

Result<void> Partitions::drop_old(Database& database, EpochMs now) const {
  return each_table([&](std::string_view table, Resolution resolution) -> Result<void> {
    std::vector<std::string> old;
    const Value name = std::string(table);
    TRY(
        database.each("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = "
                      "CAST(CAST(? AS TEXT) AS regclass)",
                      {&name, 1}, [&](const Row& row) {
                        const auto piece = piece_named(row.text(0));
                        if (piece && piece->end <= now - retention_.of(resolution).count()) old.push_back(row.text(0));
                      }));
    for (const std::string& partition : old) TRY(database.run("DROP TABLE IF EXISTS " + partition));
    return {};
  });
}

}  // namespace tessera::store
