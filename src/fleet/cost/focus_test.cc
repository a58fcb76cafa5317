#include "fleet/cost/focus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/utc.h"

namespace tessera::fleet {
namespace {

// What FOCUS 1.2 asks of each mandatory column, typed from its specification and not from the code.
enum class Type : std::uint8_t { Text, Decimal, Time, Currency, Unit };
struct Wanted {
  std::string_view column;
  Type type;
  bool nullable;
};
constexpr Wanted kMandatory[] = {
    {"BilledCost", Type::Decimal, false},     {"BillingAccountId", Type::Text, false},
    {"BillingAccountName", Type::Text, true}, {"BillingCurrency", Type::Currency, false},
    {"BillingPeriodEnd", Type::Time, false},  {"BillingPeriodStart", Type::Time, false},
    {"ChargeCategory", Type::Text, false},    {"ChargeClass", Type::Text, true},
    {"ChargeDescription", Type::Text, true},  {"ChargePeriodEnd", Type::Time, false},
    {"ChargePeriodStart", Type::Time, false}, {"ContractedCost", Type::Decimal, false},
    {"EffectiveCost", Type::Decimal, false},  {"InvoiceIssuerName", Type::Text, false},
    {"ListCost", Type::Decimal, false},       {"PricingQuantity", Type::Decimal, true},
    {"PricingUnit", Type::Unit, true},        {"ProviderName", Type::Text, false},
    {"PublisherName", Type::Text, false},     {"ServiceCategory", Type::Text, false},
    {"ServiceName", Type::Text, false},
};
const std::map<std::string_view, std::vector<std::string_view>> kAllowed = {
    {"ChargeCategory", {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}},
    {"ChargeClass", {"", "Correction"}},
    {"ChargeFrequency", {"One-Time", "Recurring", "Usage-Based"}},
    {"PricingCategory", {"Standard", "Dynamic", "Committed", "Other"}},
    {"ServiceCategory", {"AI and Machine Learning", "Compute"}},
};

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto digits = [](std::string_view one) {
    return !one.empty() && one.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const std::size_t point = text.find('.');
  return point == std::string_view::npos ? digits(text)
                                         : digits(text.substr(0, point)) && digits(text.substr(point + 1));
}

using Row = std::map<std::string_view, std::string>;

void validate(const Row& row) {
  for (const Wanted& one : kMandatory) {
    ASSERT_TRUE(row.contains(one.column)) << one.column;
    const std::string& value = row.at(one.column);
    if (value.empty()) {
      EXPECT_TRUE(one.nullable) << one.column;
      continue;
    }
    if (one.type == Type::Decimal) EXPECT_TRUE(is_decimal(value)) << one.column << ' ' << value;
    if (one.type == Type::Time) EXPECT_TRUE(parse_utc(value)) << one.column << ' ' << value;
    if (one.type == Type::Currency) EXPECT_EQ(value.size(), 3U) << value;
    if (one.type == Type::Unit) EXPECT_NE(value.find("-Hours"), std::string::npos) << value;
  }
  for (const auto& [column, values] : kAllowed)
    if (row.contains(column))
      EXPECT_EQ(std::count(values.begin(), values.end(), row.at(column)), 1) << column << ' ' << row.at(column);
  const auto time = [&](std::string_view column) { return *parse_utc(row.at(column)); };
  EXPECT_LT(time("ChargePeriodStart"), time("ChargePeriodEnd"));
  EXPECT_LE(time("BillingPeriodStart"), time("ChargePeriodStart"));
  EXPECT_GE(time("BillingPeriodEnd"), time("ChargePeriodEnd"));
  EXPECT_FALSE(row.contains("ContractedUnitPrice")) << "without a unit price the contracted cost is the billed one";
  EXPECT_EQ(row.at("ContractedCost"), row.at("BilledCost"));
  for (const auto& [column, value] : row)
    EXPECT_TRUE(column.starts_with("x_") || (column[0] >= 'A' && column[0] <= 'Z')) << column;
}

class Focus : public testing::Test {
 protected:
  Focus() {
    device_.cluster = "seoul";
    device_.node = "worker-01";
    device_.model = "H100_80GB";
    device_.device_id = "worker-01-GPU-00";
    device_.device_uuid = "GPU-1";
    instance_ = device_;
    instance_.gpu_instance = 3;
    instance_.profile = "2g.20gb";
    instance_.purchase = Purchase::Spot;
    owner_ = {"seoul", "ml", "train-\"0\"", "u", "vision", "", "4711"};
  }
  CostRow row(const CostSubject& of, const CostOwner* whose, CostKind kind, Micros micros, const char* bucket) const {
    return {*parse_time(bucket),  &of, whose, kind, whose ? CostBasis::Held : CostBasis::Nobody,
            {micros, 900'000, 0}, {}};
  }
  std::vector<Row> table(const std::vector<CostRow>& rows, const CostWindow& window,
                         Accumulate by = Accumulate::Day) const {
    std::vector<Row> out;
    const FocusOptions options{*Currency::named("KRW"), "lab", "platform team", zone_, share_by_};
    FocusRows made(rows, cut_at_months(pieces(window, by, zone_), zone_), options);
    for (;;) {
      const auto cells = made.next();
      EXPECT_TRUE(cells) << (cells ? "" : cells.error().what);
      if (!cells || !*cells) return out;
      EXPECT_EQ((*cells)->size(), focus_columns().size());
      Row& row = out.emplace_back();
      for (std::size_t i = 0; i < (*cells)->size(); ++i) row[focus_columns()[i]] = (**cells)[i];
    }
  }

  CostSubject device_, instance_;
  CostOwner owner_;
  ShareBy share_by_ = ShareBy::ComputeSlices;
  const Zone zone_ = *Zone::named("Asia/Kathmandu");
};

TEST_F(Focus, HasAllThatIsMandatory) {
  CostRow late = row(instance_, &owner_, CostKind::Used, -5, "2026-10-31T18:00:00Z");
  late.corrects_at = *parse_time("2026-11-02T00:00:00Z");
  CostRow early = row(instance_, &owner_, CostKind::Used, 6, "2026-10-31T18:00:00Z");
  early.corrects_at = *parse_time("2026-10-31T18:10:00Z");
  const auto rows = table({row(device_, nullptr, CostKind::Unallocated, 2'000'000, "2026-10-31T18:00:00Z"),
                           row(instance_, &owner_, CostKind::Used, 571'429, "2026-10-31T18:15:00Z"), late, early},
                          {*parse_time("2026-10-31T12:00:00Z"), *parse_time("2026-11-01T12:00:00Z")}, Accumulate::All);
  ASSERT_EQ(rows.size(), 4U);
  int corrections = 0;
  for (const Row& one : rows) {
    validate(one);
    if (one.at("ChargeClass").empty()) continue;
    ++corrections;
    EXPECT_EQ(one.at("BilledCost"), "-0.000005") << "of a month that is over";
  }
  EXPECT_EQ(corrections, 1);
  const auto used = std::ranges::find_if(rows, [](const Row& one) { return one.at("BilledCost") == "0.571429"; });
  ASSERT_NE(used, rows.end());
  EXPECT_EQ(used->at("BillingPeriodStart"), "2026-10-31T18:15:00Z") << "November in Kathmandu";
  EXPECT_EQ(used->at("ChargePeriodEnd"), "2026-11-01T12:00:00Z");
  EXPECT_EQ(used->at("PricingQuantity"), "0.250000000");
  EXPECT_EQ(used->at("PricingCategory"), "Dynamic");
  EXPECT_EQ(used->at("ResourceType"), "MIG instance");
  EXPECT_EQ(used->at("ResourceId"), "MIG-GPU-1/3");
  EXPECT_EQ(used->at("x_MigComputeShare"), "2/7");
  EXPECT_EQ(used->at("x_MigShare"), "2/7");
  EXPECT_EQ(used->at("x_MigShareBy"), "compute-slices");
  EXPECT_EQ(used->at("AllocatedResourceId"), "u");
  EXPECT_EQ(used->at("AllocatedResourceName"), "ml/train-\"0\"");
  EXPECT_EQ(used->at("AllocatedMethodId"), "tessera-held");
  const auto nobodys = std::ranges::find_if(rows, [](const Row& one) { return one.at("x_Kind") == "unallocated"; });
  ASSERT_NE(nobodys, rows.end());
  for (const char* column :
       {"AllocatedResourceId", "AllocatedMethodId", "AllocatedTags", "x_MigComputeShare", "x_MigShare", "x_MigShareBy"})
    EXPECT_EQ(nobodys->at(column), "") << column;
  EXPECT_EQ(used->at("x_MigProfile"), "2g.20gb");
  EXPECT_EQ(used->at("Tags"), R"({"team": "vision", "costCentre": "4711", "namespace": "ml", "pod": "train-\"0\""})");
}

/// What an instance is charged is a share by the settings, which its compute slices need not be.
TEST_F(Focus, TellsTheShareThatIsCharged) {
  const CostWindow day{*parse_time("2026-11-02T00:00:00Z"), *parse_time("2026-11-03T00:00:00Z")};
  const auto shown = [&](ShareBy by, const char* profile) {
    share_by_ = by;
    instance_.profile = profile;
    const Row one =
        table({row(instance_, &owner_, CostKind::Used, 1, "2026-11-02T00:00:00Z")}, day, Accumulate::All).at(0);
    return one.at("x_MigShare") + ' ' + one.at("x_MigShareBy") + ' ' + one.at("x_MigComputeShare");
  };
  EXPECT_EQ(shown(ShareBy::ComputeSlices, "1g.20gb"), "1/7 compute-slices 1/7");
  EXPECT_EQ(shown(ShareBy::Memory, "1g.20gb"), "2/8 memory 1/7");
  EXPECT_EQ(shown(ShareBy::LargerOfBoth, "1g.20gb"), "2/8 larger 1/7");
  EXPECT_EQ(shown(ShareBy::LargerOfBoth, "2g.20gb"), "2/7 larger 2/7");
  EXPECT_EQ(shown(ShareBy::Memory, "odd"), "  ");
}

/// A pod that only its processes' group told has no id that a cost could be given to.
TEST_F(Focus, HasNoMethodWithoutSomebodyWhomACostIsGivenTo) {
  owner_.pod_uid.clear();
  const Row one = table({row(device_, &owner_, CostKind::Used, 1, "2026-11-02T00:00:00Z")},
                        {*parse_time("2026-11-02T00:00:00Z"), *parse_time("2026-11-03T00:00:00Z")}, Accumulate::All)
                      .at(0);
  EXPECT_EQ(one.at("AllocatedResourceId"), "");
  EXPECT_EQ(one.at("AllocatedMethodId"), "");
}

TEST_F(Focus, ComesToTheSumOfTheLedger) {
  std::vector<CostRow> all;
  const EpochMs start = *parse_time("2026-10-30T00:00:00Z");
  Wide sum = 0;
  for (int i = 0; i < 400; ++i) {
    all.push_back(row(i % 3 ? device_ : instance_, i % 2 ? &owner_ : nullptr,
                      i % 2 ? CostKind::Used : CostKind::Unobserved, 1'000'003 + i * 7'919, "2026-10-30T00:00:00Z"));
    all.back().bucket = start + i * kCostBucket.count();
    sum += all.back().amount.micros;
  }
  Wide told = 0;
  for (const Row& one : table(all, {start, start + 400 * kCostBucket.count()})) {
    validate(one);
    told += *parse_decimal(one.at("BilledCost"));
  }
  EXPECT_TRUE(told == sum);
  EXPECT_TRUE(table({}, {start, start + kCostBucket.count()}).empty());
}

}  // namespace
}  // namespace tessera::fleet
