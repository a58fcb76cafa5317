#include "nvml/field_values.h"

#include <gtest/gtest.h>

#include <limits>

#include "nvml/fake_driver.h"

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

using gpu::Reading;

abi::FieldValue field(abi::u32 id, int type, abi::u64 bits, abi::Return code = abi::kSuccess) {
  abi::FieldValue out{};
  out.fieldId = id;
  out.valueType = type;
  out.nvmlReturn = code;
  out.value.u64v = bits;
  return out;
}

TEST(DecodeField, FollowsTheTag) {
  struct Case {
    int type;
    abi::u64 bits;
    std::optional<double> want;
  };
  const Case kCases[] = {
      {abi::kValueU32, 7, 7},
      {abi::kValueU32, 0xFFFFFFFF, std::nullopt},
      {abi::kValueU32, 0xABCD'0000'0007, 7},
      {abi::kValueU64, 1ULL << 40, 1099511627776.0},
      {abi::kValueU64, ~0ULL, std::nullopt},
      {abi::kValueUnsignedLong, 9, 9},
      {abi::kValueS32, 0xFFFFFFFB, -5},
      {abi::kValueS64, ~0ULL, -1},
      {abi::kValueU16, 0x1'0003, 3},
      {abi::kValueDouble, 0x3FF8'0000'0000'0000, 1.5},
      {abi::kValueDouble, 0x7FF8'0000'0000'0000, std::nullopt},
      {99, 1, std::nullopt},
  };
  for (const Case& c : kCases) EXPECT_EQ(decode(field(3, c.type, c.bits)), c.want) << c.type << " " << c.bits;
}

TEST(DecodeField, LooksAtTheFieldsOwnReturnCode) {
  EXPECT_EQ(decode(field(3, abi::kValueU32, 7, abi::kNotSupported)), std::nullopt);
}

TEST(DecodeField, ReadsMemoryTemperatureAsAnIntegerWhateverItsTag) {
  EXPECT_EQ(decode(field(abi::kFieldMemoryTemperature, abi::kValueDouble, 61)), 61);
  EXPECT_EQ(decode(field(abi::kFieldMemoryTemperature, abi::kValueU32, 61)), 61);
  EXPECT_EQ(decode(field(abi::kFieldMemoryTemperature, abi::kValueU32, 255)), std::nullopt);
}

SteadyTime clock_now;

TEST(FieldValues, TurnsCountersIntoSpeedsAndStopsAskingForWhatIsAbsent) {
  FakeDriver driver;
  CallMemory memory("GPU 0");
  FieldValues fields;
  const auto read = [&](SteadyTime now) {
    clock_now = now;
    Asking asking(driver.api, reinterpret_cast<abi::Device>(std::uintptr_t{1}), Asking::Handle::Device, memory,
                  [] { return clock_now; });
    gpu::Readings out;
    fields.read(asking, out);
    return out;
  };
  const SteadyTime start = SteadyTime{} + 1h;
  driver.fields[abi::kFieldNvLinkDataTx] = field(0, abi::kValueU64, 1000);
  driver.fields[abi::kFieldNvLinkDataRx] = field(0, abi::kValueU64, 0);
  driver.fields[abi::kFieldPcieTxBytes] = field(0, abi::kValueU64, 500);
  driver.fields[abi::kFieldEccDbeVolatile] = field(0, abi::kValueU64, 2);

  const auto first = read(start);
  EXPECT_EQ(first[Reading::EccUncorrectedVolatileTotal], 2);
  EXPECT_EQ(first[Reading::NvlinkMegabytesPerSecond], std::nullopt);
  EXPECT_EQ(driver.calls["field"], static_cast<int>(field_rows().size()));

  driver.fields[abi::kFieldNvLinkDataTx].value.u64v = 5000;
  driver.fields[abi::kFieldNvLinkDataRx].value.u64v = 1000;
  driver.fields[abi::kFieldPcieTxBytes].value.u64v = 100;
  const auto second = read(start + 2s);
  EXPECT_EQ(second[Reading::NvlinkTxBytesPerSecond], 2000 * 1024);
  EXPECT_EQ(second[Reading::NvlinkMegabytesPerSecond], 2.5) << "KiB per second by a thousand, as DCGM has it";
  EXPECT_EQ(second[Reading::PcieTxBytesPerSecond], std::nullopt) << "it wrapped";
  EXPECT_EQ(driver.calls["field"], static_cast<int>(field_rows().size()) + 4);

  driver.fields[abi::kFieldRetiredPending] = field(0, abi::kValueU32, 1);
  EXPECT_EQ(read(start + 9min)[Reading::RetiredPagesPending], std::nullopt);
  EXPECT_EQ(read(start + 11min)[Reading::RetiredPagesPending], 1) << "asked again after ten minutes";
}

}  // namespace
}  // namespace tessera::nvml
