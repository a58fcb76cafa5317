// Container images: what is in them, and that their programs run with no more than that.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <set>

#include "http/client.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/images/image.h"

namespace tessera::images {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Shipped {
  const char* name;
  unsigned most_megabytes;  ///< of all layers as a registry holds them
};
constexpr Shipped kShipped[] = {{"agent", 15}, {"operator", 15}, {"relay", 15}, {"server", 18}};

constexpr const char* kUser = "65532:65532";

class ShippedImages : public testing::TestWithParam<Shipped> {
 protected:
  const Image& image = image_of(GetParam().name);
};

TEST_P(ShippedImages, AreSmall) {
  std::size_t bytes = 0;
  for (const auto& layer : image.manifest().at("layers")) bytes += layer.at("size").get<std::size_t>();
  RecordProperty("bytes", std::to_string(bytes));
  EXPECT_LE(bytes, GetParam().most_megabytes * 1'000'000U);
}

/// What the specification of image layouts says of a descriptor.
void expect_descriptor(const Image& image, const json& descriptor, const std::string& type) {
  EXPECT_EQ(descriptor.at("mediaType"), type);
  const fs::path file = image.blob(descriptor);
  EXPECT_EQ(descriptor.at("digest"), "sha256:" + sha256(file));
  EXPECT_EQ(descriptor.at("size"), fs::file_size(file));
}

TEST_P(ShippedImages, AreLayoutsByTheSpecification) {
  EXPECT_EQ(parsed(image.layout() / "oci-layout").at("imageLayoutVersion"), "1.0.0");
  EXPECT_EQ(image.index().at("schemaVersion"), 2);
  EXPECT_EQ(image.index().at("mediaType"), "application/vnd.oci.image.index.v1+json");
  expect_descriptor(image, image.index().at("manifests").at(0), "application/vnd.oci.image.manifest.v1+json");
  EXPECT_EQ(image.index().at("manifests").at(0).at("platform").at("architecture"), image.config().at("architecture"));

  EXPECT_EQ(image.manifest().at("schemaVersion"), 2);
  EXPECT_EQ(image.manifest().at("mediaType"), "application/vnd.oci.image.manifest.v1+json");
  expect_descriptor(image, image.manifest().at("config"), "application/vnd.oci.image.config.v1+json");
  EXPECT_THAT(image.config().at("architecture").get<std::string>(), AnyOf("amd64", "arm64"));
  EXPECT_EQ(image.config().at("os"), "linux");

  // A layer is named as it is packed, and in the configuration by what it unpacks to.
  const json& diffs = image.config().at("rootfs").at("diff_ids");
  EXPECT_EQ(image.config().at("rootfs").at("type"), "layers");
  ASSERT_EQ(diffs.size(), image.manifest().at("layers").size());
  EXPECT_EQ(image.config().at("history").size(), diffs.size());
  const TempDir folder;
  for (std::size_t i = 0; i < diffs.size(); ++i) {
    const json& layer = image.manifest().at("layers").at(i);
    expect_descriptor(image, layer, "application/vnd.oci.image.layer.v1.tar+gzip");
    done({"sh", "-c", "gzip -dc \"$0\" >\"$1\"", image.blob(layer).string(), (folder.path() / "layer").string()});
    EXPECT_EQ(diffs.at(i), "sha256:" + sha256(folder.path() / "layer"));
  }
  // And nothing else lies in it.
  EXPECT_EQ(files_below(image.layout() / "blobs").size(), diffs.size() + 2);
}

TEST_P(ShippedImages, AreConfiguredAsTheirDockerfileSays) {
  const json& config = image.config().at("config");
  EXPECT_EQ(config.at("Entrypoint"), json::array({image.program()}));
  EXPECT_EQ(config.at("User"), image.name() == "agent" ? "0:0" : kUser);
  EXPECT_EQ(config.at("Labels").at("org.opencontainers.image.version"), TESSERA_VERSION);
  EXPECT_EQ(config.at("Labels").at("org.opencontainers.image.licenses"), "MIT");
  EXPECT_EQ(config.at("ExposedPorts").size(), 1U);
  for (const auto& [folder, nothing] : config.at("Volumes").items()) {
    struct stat status{};
    ASSERT_EQ(::stat((image.root() / folder.substr(1)).c_str(), &status), 0) << folder;
    if (::geteuid() != 0) continue;  // tar has given it to whoever unpacks
    EXPECT_EQ(fmt::format("{}:{}", status.st_uid, status.st_gid), kUser) << folder;
  }
}

TEST_P(ShippedImages, AreTakenByAnotherProgram) {
  const std::string umoci = e2e::peer("umoci");
  if (umoci.empty()) GTEST_SKIP() << "umoci is missing: ./dev deps unpacks it";
  const TempDir folder;
  const fs::path bundle = folder.path() / "bundle";
  done({umoci, "unpack", "--rootless", "--image", fmt::format("{}:{}", image.layout().string(), TESSERA_VERSION),
        bundle.string()});
  EXPECT_THAT(files_below(bundle / "rootfs"), ElementsAreArray(files_below(image.root())));
  const json process = parsed(bundle / "config.json").at("process");
  EXPECT_EQ(process.at("args"), json::array({image.program()}));
  EXPECT_THAT(process.at("env"), Contains("PATH=/usr/bin"));
}

TEST_P(ShippedImages, HoldTheLibrariesThatAreLoadedAndNoOther) {
  const std::string triplet = image.config().at("architecture") == "amd64" ? "x86_64-linux-gnu" : "aarch64-linux-gnu";
  const fs::path libraries = image.root() / "usr/lib" / triplet;
  std::set<std::string> there, loaded;
  for (const std::string& file : files_below(libraries)) there.insert(file.substr(1));
  EXPECT_GT(there.size(), 5U);
  // The image's own loader says what it maps, and may look nowhere but in the image.
  for (const auto& loader : fs::directory_iterator(libraries)) {
    if (!loader.path().filename().string().starts_with("ld-linux")) continue;
    loaded.insert(loader.path().filename().string());
    for (const auto& program : fs::directory_iterator(image.root() / "usr/bin")) {
      const std::string list = done({loader.path().string(), "--inhibit-cache", "--library-path", libraries.string(),
                                     "--list", program.path().string()});
      EXPECT_THAT(list, Not(HasSubstr("not found")));
      std::istringstream lines(list);
      for (std::string line; std::getline(lines, line);) {
        const auto from = line.find("/");
        if (from == std::string::npos) continue;  // the kernel's own
        const fs::path file = line.substr(from, line.find(" (", from) - from);
        EXPECT_THAT(file.string(), AnyOf(StartsWith(image.root().string()), StartsWith("/lib"))) << line;
        loaded.insert(fs::weakly_canonical(file).filename().string());
      }
    }
  }
  EXPECT_THAT(there, ElementsAreArray(loaded));
  for (const std::string& file : files_below(image.root()))
    EXPECT_THAT(file, Not(HasSubstr("libnvidia"))) << "the driver's library comes from the node";
}

TEST_P(ShippedImages, NameEveryFileInTheirBillOfMaterials) {
  const json bill = parsed(image.bill_of_materials());
  EXPECT_EQ(bill.at("spdxVersion"), "SPDX-2.3");
  const std::string itself = fmt::format("/usr/share/doc/tessera-{}/sbom.spdx.json", image.name());
  EXPECT_EQ(sha256(image.root() / itself.substr(1)), sha256(image.bill_of_materials()));

  std::map<std::string, std::string> told, there;
  std::map<std::string, std::string> name_of;  // of packages and files, by SPDX's ids
  for (const auto& file : bill.at("files")) {
    name_of[file.at("SPDXID")] = file.at("fileName");
    for (const auto& sum : file.at("checksums"))
      if (sum.at("algorithm") == "SHA256")
        told[file.at("fileName").get<std::string>().substr(1)] = sum.at("checksumValue");
  }
  std::istringstream sums(
      done({"sh", "-c", "cd \"$0\" && find . -type f -exec sha256sum {} +", image.root().string()}));
  for (std::string line; std::getline(sums, line);) there[line.substr(line.find("./") + 1)] = line.substr(0, 64);
  there.erase(itself);
  EXPECT_EQ(told, there);

  for (const auto& package : bill.at("packages")) {
    const std::string name = package.at("name"), purl = package.at("externalRefs").at(0).at("referenceLocator");
    name_of[package.at("SPDXID")] = name;
    EXPECT_NE(package.at("versionInfo"), "") << name;
    EXPECT_THAT(purl, AnyOf(StartsWith("pkg:deb/"), StartsWith("pkg:npm/"), StartsWith("pkg:generic/tessera-")));
    EXPECT_THAT(there, Contains(testing::Key(fmt::format("/usr/share/doc/{}/copyright", name))));
  }
  // A library is its own package's, as dpkg says of the file that it was copied from.
  std::map<std::string, std::string> owner;
  for (const auto& relation : bill.at("relationships")) {
    ASSERT_TRUE(name_of.contains(relation.at("relatedSpdxElement")));
    if (relation.at("relatedSpdxElement").get<std::string>().starts_with("SPDXRef-File"))
      owner[name_of[relation.at("relatedSpdxElement")]] = name_of[relation.at("spdxElementId")];
  }
  EXPECT_EQ(owner.size(), there.size());
  EXPECT_THAT(owner, Contains(testing::Pair(HasSubstr("/libssl.so.3"), StartsWith("libssl3"))));
  EXPECT_EQ(owner["." + image.program()], "tessera-" + image.name());
}

TEST_P(ShippedImages, ProgramsStartWithNothingElse) {
  if (const std::string why = why_not_inside(); !why.empty()) GTEST_SKIP() << why;
  for (const auto& program : fs::directory_iterator(image.root() / "usr/bin")) {
    const std::string path = "/usr/bin/" + program.path().filename().string();
    EXPECT_THAT(done(inside(image, {path, "--version"})), HasSubstr(TESSERA_VERSION)) << path;
  }
  // No shell, and nothing that could change: what somebody breaks into has no tools for him.
  EXPECT_FALSE(fs::exists(image.root() / "usr/bin/sh"));
}

INSTANTIATE_TEST_SUITE_P(All, ShippedImages, testing::ValuesIn(kShipped),
                         [](const auto& i) { return std::string(i.param.name); });

TEST(ShippedImagesAgain, AreTheSameBytes) {
  const Image& image = image_of("server");
  const TempDir again;
  make(image.name(), again.path());
  EXPECT_EQ(sha256(again.path() / image.archive().filename()), sha256(image.archive()));
}

/// A program that serves in its image until the end of the test.
class Served {
 public:
  Served(const Image& image, const std::vector<std::string>& flags, const std::vector<std::string>& mounts)
      : child_(inside(image, words(image, flags), mounts)) {
    const std::string rest = child_.after(fmt::format("{} ready address=", image.name()));
    address_ = rest.substr(0, rest.find(' '));
    EXPECT_NE(address_, "") << child_.output();
  }
  std::string get(const std::string& path) { return e2e::fetch(client_, fmt::format("http://{}{}", address_, path)); }
  e2e::Child& child() { return child_; }

 private:
  static std::vector<std::string> words(const Image& image, const std::vector<std::string>& flags) {
    std::vector<std::string> out{image.program(), "--address", "127.0.0.1:0"};
    out.insert(out.end(), flags.begin(), flags.end());
    return out;
  }
  e2e::Child child_;
  http::Client client_;
  std::string address_;
};

class ShippedImagesServe : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_not_inside(); !why.empty()) GTEST_SKIP() << why;
    // As a volume is mounted that is its user's.
    done({"chown", kUser, folder.path().string()});
  }
  TempDir folder;
};

TEST_F(ShippedImagesServe, AgentFindsTheDriverThatIsMounted) {
  const Image& image = image_of("agent");
  fs::create_directories(image.root() / "driver");  // a mount point, as the container runtime makes one
  const TempDir state;
  Served agent(
      image, {"--nvml", "/driver/libnvidia-ml.so.1"},
      {fs::path(e2e::simulated_driver()).parent_path().string() + "=/driver", state.path().string() + "=/tmp"});
  EXPECT_THAT(agent.get("/metrics"), HasSubstr("\nDCGM_FI_DEV_GPU_TEMP{"));
  EXPECT_EQ(agent.get("/livez").substr(0, 2), "ok");
  // Processes are of this machine's /proc; capabilities, and a way to more of them, are not there.
  const std::string status = *read_file(fmt::format("/proc/{}/status", agent.child().pid()));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_EQ(agent.child().stop(), 0);
}

TEST_F(ShippedImagesServe, RelayWritesToItsFolderAlone) {
  ASSERT_TRUE(write_file_atomically(folder.path() / "relay.yaml",
                                    "targets: [{targetName: self, type: Static, addresses: ['localhost:9']}]\n"
                                    "remoteWrite: [{name: store, url: 'http://localhost:9/write'}]\n"));
  Served relay(image_of("relay"), {"--config", "/var/lib/tessera-relay/relay.yaml"},
               {folder.path().string() + "=/var/lib/tessera-relay"});
  EXPECT_EQ(relay.get("/livez").substr(0, 2), "ok");
  EXPECT_GT(files_below(folder.path()).size(), 1U) << "no queue";
  EXPECT_EQ(relay.child().stop(), 0);
}

TEST_F(ShippedImagesServe, ServerShowsItsDashboard) {
  Served server(image_of("server"), {}, {folder.path().string() + "=/var/lib/tessera-server"});
  EXPECT_EQ(server.get("/livez").substr(0, 2), "ok");
  EXPECT_THAT(server.get("/k8s-monitor/api/v1/gpu/overview"), HasSubstr("\"totalGpuDevices\":0"));
  EXPECT_THAT(files_below(folder.path()), Contains("/tessera.db"));
  EXPECT_EQ(server.child().stop(), 0);
}

TEST_F(ShippedImagesServe, OperatorSaysWhatItWouldApply) {
  ASSERT_TRUE(write_file_atomically(
      folder.path() / "monitor.yaml",
      "apiVersion: tessera.dev/v1alpha1\nkind: GpuMonitor\nmetadata: {name: gpus}\n"
      "spec: {features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true}}}}\n"));
  const std::string printed = done(
      inside(image_of("operator"), {"/usr/bin/tessera-operator", "--once", "--dry-run", "--file", "/tmp/monitor.yaml"},
             {folder.path().string() + "=/tmp"}));
  EXPECT_THAT(printed, HasSubstr("kind: DaemonSet"));
}

// A folder that is not there in the image, and a write to what is: both fail, or the tests above would prove nothing.
TEST_F(ShippedImagesServe, NothingWhereTheRootIsTheirOnlyFolder) {
  const e2e::Finished refused =
      e2e::run(inside(image_of("server"), {"/usr/bin/tessera-server", "--address", "127.0.0.1:0"}));
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.output, HasSubstr("Read-only file system"));
}

}  // namespace
}  // namespace tessera::images
