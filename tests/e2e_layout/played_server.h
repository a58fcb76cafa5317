#pragma once
// A server that wants what a test says, by the contract of docs/mig-layout.md, or what the real one behind it says, and
// keeps what it was told.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/server.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

using Json = nlohmann::json;

class PlayedServer {
 public:
  PlayedServer();
  ~PlayedServer();
  std::string url() const { return "http://" + server_->address(); }

  /// From now on this document is given to who has not answered it.
  void want(Json document);
  void want_nothing();
  /// From now on the server at this URL is asked in place of it, once a question is not held.
  void pass_on_to(std::string url);
  /// Answers nothing to a report of which this is true, until release(). For a test that acts at that very moment.
  void hold_where(std::function<bool(const Json& report)> holds);
  /// Whether such a report has come.
  bool holding(std::chrono::milliseconds deadline = kPatience);
  void release();
  void expect_token(const std::string& token);

  /// Waits for a report of which it is true; the last one where it never came.
  Json report_where(const std::function<bool(const Json& report)>& holds);
  Json last() const;
  std::size_t reports() const;
  std::size_t refused() const;  ///< for their token, or by the server behind

 private:
  http::Response answer(const http::Request& request);
  http::Response passed_on(const http::Request& request, const std::string& url);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Json> wanted_;
  std::vector<Json> reports_;
  std::function<bool(const Json&)> hold_;
  std::string token_ = "right";
  std::string behind_;
  std::size_t refused_ = 0;
  bool holding_ = false;
  bool ending_ = false;
  std::unique_ptr<http::Server> server_;
};

}  // namespace tessera::e2e
