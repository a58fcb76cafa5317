#include "nvml/binding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Library, SaysWhatToDoWhereThereIsNone) {
  const auto missing = Library::open("libno-such-driver.so.1");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_THAT(missing.error().what, AllOf(HasSubstr("libno-such-driver.so.1"), HasSubstr("--nvml PATH"),
                                          HasSubstr("NVIDIA_DRIVER_CAPABILITIES")));
}

TEST(Library, TellsAFileThatIsNoLibrary) {
  const TempDir folder;
  const auto path = folder.path() / "libnvidia-ml.so.1";
  std::ofstream(path) << "not an ELF file, but longer than its header would be: ................................";
  const auto wrong = Library::open(path);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::Invalid);
  EXPECT_THAT(wrong.error().what, HasSubstr(path.string()));
}

TEST(Library, TellsALibraryThatIsNotTheDrivers) {
  const auto wrong = Library::open("libc.so.6");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::Invalid);
  EXPECT_THAT(wrong.error().what, HasSubstr("nvmlInit"));
}

TEST(Library, IsLookedForInTheDriverRoots) {
  const auto places = driver_places("libx.so");
  EXPECT_THAT(places, testing::Contains("/home/kubernetes/bin/nvidia/lib64/libx.so"));
  EXPECT_THAT(places, testing::Contains("/usr/lib/wsl/lib/libx.so"));
  EXPECT_THAT(places, testing::Contains(testing::StartsWith("/run/nvidia/driver/usr/lib/")));
}

TEST(Probe, TellsWhyNot) {
  const Probe none = probe("libno-such-driver.so.1");
  EXPECT_FALSE(none.driver);
  EXPECT_EQ(none.code, Code::NotFound);
  EXPECT_THAT(none.error, HasSubstr("not found"));
}

TEST(Codes, AreDescribedEvenIfNobodyKnowsThem) {
  Api api;
  EXPECT_EQ(describe(api, static_cast<abi::Return>(4711)), "NVML error (4711)");
  api.nvmlErrorString = [](abi::Return) { return "GPU is lost"; };
  EXPECT_EQ(describe(api, abi::kGpuIsLost), "GPU is lost (15)");
  EXPECT_THAT(std::string(advice(abi::kLibRmVersionMismatch)), HasSubstr("restart"));
  EXPECT_EQ(advice(static_cast<abi::Return>(4711)), "");
}

}  // namespace
}  // namespace tessera::nvml
