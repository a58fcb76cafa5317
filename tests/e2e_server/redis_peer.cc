#include "tests/e2e_server/redis_peer.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

/// The libraries that are unpacked beside it.
std::map<std::string, std::string> libraries() {
  const char* peers = std::getenv("TESSERA_PEERS");
  if (!peers) return {};
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(peers) / "usr/lib"))
    if (entry.path().filename().string().ends_with("-linux-gnu")) path = entry.path().string();
  return {{"LD_LIBRARY_PATH", path}};
}

}  // namespace

bool RedisPeer::is_here() { return !peer("redis-check-rdb").empty(); }

void RedisPeer::start() {
  // Redis' programs are one, told apart by the name that they are called by; the package of tools has it under this
  // one.
  const auto link = folder_.path() / "redis-server";
  std::error_code error;
  std::filesystem::create_symlink(peer("redis-check-rdb"), link, error);
  process_ = std::make_unique<Child>(
      std::vector<std::string>{link.string(), "--port", "0", "--unixsocket", socket().string(), "--save", "", "--dir",
                               folder_.path().string(), "--maxmemory-policy", "noeviction"},
      libraries());
  EXPECT_TRUE(process_->says("ready to accept connections")) << process_->output();
}

void RedisPeer::kill() {
  process_->signal(SIGKILL);
  process_->wait();
}

std::string RedisPeer::command(std::vector<std::string> words) const {
  words.insert(words.begin(), {peer("redis-cli"), "-s", socket().string()});
  return run(std::move(words), libraries()).output;
}

}  // namespace tessera::e2e
