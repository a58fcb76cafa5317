#pragma once
// A server on a PostgreSQL that others may share, and the PostgreSQL.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/duration.h"
#include "base/files.h"
#include "http/client.h"
#include "store/postgres_peer.h"
#include "tests/e2e/child.h"
#include "tests/e2e_server/byte_gate.h"

namespace tessera::e2e {

class Replica {
 public:
  /// `settings`: more lines of its configuration.
  explicit Replica(std::string url, std::string settings = "");

  /// Waits until it listens.
  void start();
  void kill();
  Child& process() { return *process_; }
  const std::string& address() const { return address_; }

  /// What comes of telling it of one device of this node, as a dcgm-exporter would.
  http::ClientResponse write(const std::string& node);
  /// Likewise of one serving engine.
  http::ClientResponse write_engine(const std::string& pod, double running);
  /// Likewise of what a page tells, as of `time`.
  http::ClientResponse push(const std::string& node, EpochMs time, const std::string& page);
  bool takes(const std::string& node) { return write(node).status == 204; }

  /// `/k8s-monitor/prometheus/…`; empty where nothing answers.
  http::ClientResponse ask(const std::string& method, const std::string& path);
  /// The body of a GET below the API's root; nothing while it answers anything but 200.
  std::optional<std::string> get(const std::string& path);
  /// How many devices it shows; nothing while it answers otherwise.
  std::optional<std::size_t> devices();
  bool shows(std::size_t count);

 private:
  http::ClientResponse send(std::string body);
  std::string api(const std::string& path) const { return "http://" + address_ + "/k8s-monitor/api/v1" + path; }
  const std::string url_, settings_;
  TempDir folder_;
  std::unique_ptr<Child> process_;
  std::string address_;
  http::Client client_;
};

/// Skips where there is no PostgreSQL.
struct OnPostgres : testing::Test {
  void SetUp() override;
  static store::PostgresPeer& postgres() { return *store::PostgresPeer::instance(); }
  /// The first column of a query's only row.
  std::int64_t ask(const std::string& sql) const;
  std::int64_t epoch() const { return ask("SELECT epoch FROM leader"); }

  std::string url, gated_url;  ///< of the same place
  std::unique_ptr<ByteGate> gate;
};

}  // namespace tessera::e2e
