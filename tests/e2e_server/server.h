#pragma once
// A running tessera-server and its folder, which outlives restarts.
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

class Server {
 public:
  /// Starts it on a free port and waits until it is ready. `settings`: its configuration file; empty: none.
  explicit Server(std::string settings = "", std::map<std::string, std::string> environment = {});
  /// After stop() or kill().
  void start();
  int stop() { return process_->stop(); }
  void kill();
  Child& process() { return *process_; }

  /// The server's own; see --data.
  std::filesystem::path data() const { return folder_.path(); }

  /// `/gpu/overview`: below the API's root.
  std::string api(const std::string& path) const { return "http://" + address_ + "/k8s-monitor/api/v1" + path; }
  std::string url(const std::string& path) const { return "http://" + address_ + path; }
  const std::string& address() const { return address_; }
  std::string write_url() const { return api("/write"); }
  /// The answer to a GET; fails the test on anything but 2xx.
  nlohmann::json get(const std::string& path);
  /// A series of its own, `name` or `name{labels}`; fails the test where there is none.
  double metric(const std::string& name);
  http::ClientResponse post(const std::string& path, const std::string& body,
                            const std::vector<std::pair<std::string, std::string>>& headers);

 private:
  TempDir folder_;
  const std::string settings_;
  const std::map<std::string, std::string> environment_;
  std::unique_ptr<Child> process_;
  std::string address_;
  http::Client client_;
};

}  // namespace tessera::e2e
