#pragma once
// A server with one board, of which tests ask, and whose agent says what they let it say.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/access/access.h"
#include "server/allocations.h"
#include "store/readers.h"

namespace tessera::server {

inline constexpr EpochMs kStart = 1'800'000'000'000;

/// One board in MIG mode, on which three 2g have room.
inline constexpr std::string_view kBoard = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="3g.40gb",profile_id="9",compute_slices="3",sm_count="60",memory_mib="40448",max_instances="2",placements="0:4,4:4"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="1g.10gb",profile_id="19",compute_slices="1",sm_count="16",memory_mib="9984",max_instances="7",placements="0:1,1:1,2:1,3:1,4:1,5:1,6:1"} 1
)";

/// As its agent tells of an instance on it, of who holds one, and what a pod asks for that wants a 2g.
std::string instance(unsigned gi, unsigned start, const std::string& profile = "2g.20gb", unsigned size = 2);
std::string held(unsigned gi, const std::string& pod);
std::string body(const std::string& pod, const std::string& more = "");
/// The same board, not in MIG mode.
std::string uncut();

struct AllocationsTest : testing::Test {
  AllocationsTest();

  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return *std::move(result);
  }

  void open();

  void scrape(const std::string& page, EpochMs seconds, std::string_view board = kBoard);
  /// A scrape, and what the thread would do then.
  void look(const std::string& page, EpochMs seconds);

  http::Response send(const std::string& method, const std::string& path, const std::string& content = "",
                      const std::string& query = "", const std::shared_ptr<const Viewer>& viewer = nullptr,
                      const std::string& key = "");
  http::Response ask(const std::string& content, const std::string& query = "");
  Json asked(const std::string& content, int status = 201);
  Json shown(const Json& one);
  std::vector<store::WantedInstance> wanted();
  struct GivenUp {
    std::string id;  ///< of its allocation
    unsigned start;  ///< where what was made for it stands
  };
  /// A slice that was made for "p", which had it and has gone.
  GivenUp made_held_and_given_up();
  /// Whether what was made for one is to be removed once nobody has it.
  bool is_to_go(const std::string& id) const;
  /// What is in memory is what the database has.
  void expect_kept();

  fleet::ToldPages told;
  Latest<Published> fleet;
  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  store::Readers readers{url, 2};
  std::unique_ptr<Access> access = must(Access::open(must(store::Database::open(url)), {}, "127.0.0.1:0"));
  SteadyTime clock = std::chrono::steady_clock::now();  ///< by which agents are silent
  WantedLayouts layouts{0, {}, 0, [this] { return clock; }};
  Events events{fleet, [] { return false; }};
  AllocationOptions options{
      .cleanup = true, .cleanup_after = Milliseconds(30'000), .gone_after = Milliseconds(20'000), .look_every = {}};
  std::function<void()> on_started;  ///< when it is asked whether all that was known before a restart is
  std::unique_ptr<Allocations> allocations;
  std::unique_ptr<http::Router> router;
};

}  // namespace tessera::server
