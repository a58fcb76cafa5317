#include "sim/load.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "sim/fixture.h"
#include "sim/units.h"

namespace tessera::sim {
namespace {

Signal make(const LoadSpec& spec) {
  ReplayFiles files;
  auto signal = Signal::make(spec, files);
  EXPECT_TRUE(signal) << (signal ? "" : signal.error().what);
  return signal ? *std::move(signal) : Signal();
}

TEST(Load, IntegralIsTheAreaUnderTheCurve) {
  TemporaryDirectory directory;
  const std::string csv =
      directory.write("use.csv", "timestamp_anon,value,container_ip\n100,10,a\n100,99,b\n110,50,a\n125,0,a\n");
  const LoadSpec kSpecs[] = {
      {.kind = LoadSpec::Kind::Constant, .level = 42},
      {.kind = LoadSpec::Kind::Wave, .level = 50, .amplitude = 30, .period = 17, .phase = 0.2},
      {.kind = LoadSpec::Kind::Walk, .level = 50, .step = 20, .every = 0.5, .low = 10, .high = 90, .seed = 3},
      {.kind = LoadSpec::Kind::Replay, .file = csv, .key = "a"},
  };
  for (const LoadSpec& spec : kSpecs) {
    const Signal signal = make(spec);
    constexpr double kStep = 0.01;
    double area = 0;
    for (int i = 0; i < 60'000; ++i) area += signal.at((i + 0.5) * kStep) * kStep;
    EXPECT_NEAR(signal.integral(600), area, area * 1e-3 + 0.5) << static_cast<int>(spec.kind);
    EXPECT_EQ(signal.integral(0), 0);
    EXPECT_EQ(signal.integral(-5), 0);
  }
}

TEST(Load, WalksAreSeededBoundedAndClosed) {
  const LoadSpec spec{
      .kind = LoadSpec::Kind::Walk, .level = 50, .step = 30, .every = 1, .low = 20, .high = 80, .seed = 9};
  const Signal one = make(spec), same = make(spec);
  LoadSpec different = spec;
  different.seed = 10;
  const Signal other = make(different);
  bool differs = false;
  for (int t = 0; t < 3000; ++t) {
    EXPECT_EQ(one.at(t), same.at(t));
    EXPECT_GE(one.at(t), 20);
    EXPECT_LE(one.at(t), 80);
    EXPECT_LE(std::abs(one.at(t + 1) - one.at(t)), 30.001);  // also where a round ends
    differs = differs || one.at(t) != other.at(t);
  }
  EXPECT_TRUE(differs);
}

TEST(Load, ReplaysEitherColumnOrder) {
  TemporaryDirectory directory;
  const std::string by_value = directory.write("v.csv", "value,timestamp,key\n10,0,x\n30,5,x\n77,0,y\n");
  const std::string by_time = directory.write("t.csv", "timestamp,value,key\n5,30,x\n0,10,x\n0,77,y\n");
  for (const std::string& file : {by_value, by_time}) {
    const Signal x = make({.kind = LoadSpec::Kind::Replay, .file = file, .key = "x"});
    EXPECT_EQ(x.at(1), 10);
    EXPECT_EQ(x.at(6), 30);
    EXPECT_EQ(x.at(11), 10);  // starts over
    EXPECT_EQ(make({.kind = LoadSpec::Kind::Replay, .file = file, .key = "y"}).at(100), 77);
  }
  const Signal fast = make({.kind = LoadSpec::Kind::Replay, .file = by_value, .scale = 2, .speed = 5});
  EXPECT_EQ(fast.at(1.5), 60);
  ReplayFiles files;
  EXPECT_EQ(Signal::make({.kind = LoadSpec::Kind::Replay, .file = by_value, .key = "z"}, files).error().what,
            "replay file " + by_value + ": no rows with the key 'z'");
  const std::string bad = directory.write("b.csv", "value,timestamp,key\n10,zero,x\n");
  EXPECT_EQ(Signal::make({.kind = LoadSpec::Kind::Replay, .file = bad}, files).error().what,
            bad + ":2: three columns with two numbers expected");
}

TEST(Units, TimesSizesNumbers) {
  EXPECT_EQ(parse_seconds("90s"), 90);
  EXPECT_EQ(parse_seconds("1h30m"), 5400);
  EXPECT_EQ(parse_seconds("250ms"), 0.25);
  EXPECT_EQ(parse_seconds("12"), 12);
  EXPECT_EQ(parse_seconds("-2h"), -7200);
  for (const char* bad : {"", "s", "1x", "--1s", "1h 5m", "1e9d", "nan", "inf", "5m3"})
    EXPECT_FALSE(parse_seconds(bad)) << bad;
  EXPECT_EQ(parse_bytes("1GiB"), 1ULL << 30U);
  EXPECT_EQ(parse_bytes("1.5MB"), 1'500'000U);
  EXPECT_EQ(parse_bytes("7"), 7U);
  for (const char* bad : {"", "GiB", "-1MiB", "1 GiB", "9e30", "1XiB"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
  EXPECT_EQ(random_uuid(5), random_uuid(5));
  EXPECT_NE(random_uuid(5), random_uuid(6));
  EXPECT_EQ(random_uuid(5).size(), 36U);
  EXPECT_EQ(random_hex(5, 64).size(), 64U);
}

}  // namespace
}  // namespace tessera::sim
