#include "nvml/calls.h"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

abi::Return answer;
int asked;
SteadyTime clock_now;

class Calls : public testing::Test {
 protected:
  void SetUp() override {
    answer = abi::kSuccess;
    asked = 0;
    clock_now = SteadyTime{} + 1h;
  }
  Asking asking(Asking::Handle kind = Asking::Handle::Device) {
    return Asking(api, nullptr, kind, memory, [] { return clock_now; });
  }
  static abi::Return function(abi::Device, abi::u32*) {
    ++asked;
    return answer;
  }
  bool ask(Asking& by) {
    abi::u32 out = 0;
    return by.ask(Call::Power, &function, &out);
  }
  Api api;
  CallMemory memory{"GPU 0"};
};

TEST_F(Calls, RememberForTenMinutesWhatABoardHasNot) {
  for (const auto code : {abi::kNotSupported, abi::kFunctionNotFound, abi::kDeprecated, abi::kNoPermission,
                          abi::kArgumentVersionMismatch, abi::kInvalidArgument}) {
    SetUp();
    memory.forget();
    answer = code;
    for (int i = 0; i < 3; ++i) {
      auto by = asking();
      EXPECT_FALSE(ask(by));
      EXPECT_EQ(by.broken(), abi::kSuccess);
    }
    EXPECT_EQ(asked, 1) << code;
    clock_now += 10min;
    auto later = asking();
    ask(later);
    EXPECT_EQ(asked, 2) << code;
    memory.forget();
    auto after = asking();
    ask(after);
    EXPECT_EQ(asked, 3) << code;
  }
}

TEST_F(Calls, AskAgainNextTimeForWhatIsOnlyNotThereNow) {
  for (const auto code : {abi::kNotFound, abi::kNoData, abi::kNotReady, abi::kTimeout, abi::kUnknownError,
                          static_cast<abi::Return>(4711)}) {
    SetUp();
    answer = code;
    for (int i = 0; i < 3; ++i) {
      auto by = asking();
      EXPECT_FALSE(ask(by));
      EXPECT_EQ(by.broken(), abi::kSuccess) << code;
    }
    EXPECT_EQ(asked, 3) << code;
  }
}

TEST_F(Calls, AskNothingMoreOfALostDevice) {
  for (const auto code : {abi::kGpuIsLost, abi::kResetRequired, abi::kUninitialized}) {
    SetUp();
    answer = code;
    auto by = asking();
    EXPECT_FALSE(ask(by));
    EXPECT_FALSE(ask(by));
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(by.broken(), code);
  }
}

TEST_F(Calls, TakeAnInstancesInvalidHandleForItsEnd) {
  for (const auto code : {abi::kInvalidArgument, abi::kNotFound, abi::kGpuIsLost}) {
    answer = code;
    auto by = asking(Asking::Handle::Instance);
    EXPECT_FALSE(ask(by));
    EXPECT_EQ(by.broken(), code);
  }
}

TEST_F(Calls, NeverCallWhatTheDriverDoesNotExport) {
  auto by = asking();
  abi::u32 out = 0;
  EXPECT_FALSE(by.ask(Call::Power, api.nvmlDeviceGetPowerUsage, &out));
}

}  // namespace
}  // namespace tessera::nvml
