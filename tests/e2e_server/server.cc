#include "tests/e2e_server/server.h"

#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {

Server::Server(std::string settings, std::map<std::string, std::string> environment)
    : settings_(std::move(settings)), environment_(std::move(environment)) {
  start();
}

void Server::start() {
  std::vector<std::string> arguments{program("tessera-server"), "--address", "127.0.0.1:0", "--data",
                                     folder_.path().string()};
  if (!settings_.empty()) {
    const std::string file = (folder_.path() / "settings.yaml").string();
    EXPECT_TRUE(write_file_atomically(file, settings_));
    arguments.insert(arguments.end(), {"--config", file});
  }
  process_ = std::make_unique<Child>(std::move(arguments), environment_);
  const std::string rest = process_->after("server ready address=");
  address_ = rest.substr(0, rest.find(' '));
  EXPECT_FALSE(address_.empty()) << "the server did not come up: " << process_->output();
}

void Server::kill() {
  process_->signal(SIGKILL);
  EXPECT_EQ(process_->wait(), 128 + SIGKILL);
}

nlohmann::json Server::get(const std::string& path) { return nlohmann::json::parse(fetch(client_, api(path))); }

double Server::metric(const std::string& name) {
  const std::string page = fetch(client_, url("/metrics"));
  const auto at = page.find("\n" + name + " ");
  EXPECT_NE(at, std::string::npos) << "the server tells no " << name;
  return at == std::string::npos ? 0 : std::stod(page.substr(at + name.size() + 2));
}

http::ClientResponse Server::post(const std::string& path, const std::string& body,
                                  const std::vector<std::pair<std::string, std::string>>& headers) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = api(path);
  request.body = body;
  request.headers = headers;
  const auto reply = client_.send(request);
  EXPECT_TRUE(reply) << (reply ? "" : reply.error().what);
  return reply ? *reply : http::ClientResponse{};
}

}  // namespace tessera::e2e
