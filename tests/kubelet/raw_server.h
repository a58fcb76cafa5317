#pragma once
// A server on a unix socket that knows no protocol: what a client must survive.
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

namespace tessera::kubelet {

class RawServer {
 public:
  /// Greets everybody with these words and hangs up; without any, it lets everybody connect and says nothing.
  RawServer(const std::filesystem::path& path, std::optional<std::string> words);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

 private:
  void babble() const;

  std::optional<std::string> words_;
  int fd_;
  std::jthread thread_;
};

}  // namespace tessera::kubelet
