// The worked example of docs/cost.md is what the engine comes to.
#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "base/text.h"
#include "fleet/cost/posting.h"

namespace tessera::fleet {
namespace {

constexpr std::int64_t kDevice = 1, kSmall = 2, kLarge = 3, kSearch = 7, kTrain = 8;
constexpr std::int64_t kMinute = 60'000;

std::vector<Posting> example() {
  PartUsage small, large;
  small.subject = kSmall;
  small.slices = {1, 1};
  large.subject = kLarge;
  large.slices = {3, 4};
  small.observed_ms = small.busy_known_ms = large.observed_ms = large.busy_known_ms = 12 * kMinute;
  small.owned_ms = 12 * kMinute;
  small.busy_ms = 6 * kMinute;
  large.owned_ms = large.busy_ms = 10 * kMinute;
  Tenant search, train;
  search.owner = kSearch;
  search.held_ms = 12 * kMinute;
  train.owner = kTrain;
  train.held_ms = 10 * kMinute;
  small.tenants = {search};
  large.tenants = {train};
  const auto rates = *RateBook::of(default_rates());
  const EpochMs from = 1'800'000'000'000, to = from + 15 * kMinute;
  const Charge charge = rates.charge({"H100_80GB", "default", "worker-01", "", Purchase::OnDemand}, from, to);
  return post({kDevice, from, to, {7, 8}, 12 * kMinute, {small, large}}, charge, {});
}

/// "| line | 1 ms | 0.1 |" of the document's example, by the line's name.
std::map<std::string, std::string> told() {
  const auto text = read_file(TESSERA_SOURCE_DIR "/docs/cost.md");
  EXPECT_TRUE(text) << text.error().what;
  const std::size_t begin = text->find("<!-- example:"), end = text->find("The efficiency of", begin);
  std::map<std::string, std::string> out;
  for (const std::string_view line : split(std::string_view(*text).substr(begin, end - begin), '\n')) {
    const auto cells = split(line, '|');
    if (cells.size() == 5)
      out[std::string(trim(cells[1]))] = std::string(trim(cells[2])) + ' ' + std::string(trim(cells[3]));
  }
  return out;
}

TEST(CostExample, IsWhatTheDocumentSays) {
  const std::map<CostLine, std::string> names = {
      {{kSmall, kSearch, CostKind::Used, CostBasis::Held}, "search, used"},
      {{kSmall, kSearch, CostKind::HeldIdle, CostBasis::Held}, "search, held-idle"},
      {{kLarge, kTrain, CostKind::Used, CostBasis::Held}, "train, used"},
      {{kLarge, 0, CostKind::Unallocated, CostBasis::Nobody}, "unallocated, of the `3g.40gb`"},
      {{kDevice, 0, CostKind::Unallocated, CostBasis::Nobody},
       "unallocated, of the device: three slices in no instance"},
      {{kDevice, 0, CostKind::Unobserved, CostBasis::Nobody}, "unobserved"}};
  auto document = told();
  CostAmount sum;
  for (const Posting& one : example()) {
    ASSERT_TRUE(names.contains(one.line));
    const std::string& name = names.at(one.line);
    EXPECT_EQ(document[name], fmt::format("{} ms {}", one.amount.device_ms, decimal(one.amount.micros))) << name;
    document.erase(name);
    sum.micros += one.amount.micros;
    sum.device_ms += one.amount.device_ms;
  }
  EXPECT_EQ(document["together"], fmt::format("{} ms {}", sum.device_ms, decimal(sum.micros)));
  document.erase("together");
  for (const auto& [name, figures] : document)
    EXPECT_TRUE(name == "line" || name == "---") << name << " is in the document alone";
}

}  // namespace
}  // namespace tessera::fleet
