#include "tests/e2e_relay/relay.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/node.h"

namespace tessera::e2e {

Relay::Relay(const std::string& config, std::vector<std::string> flags, std::map<std::string, std::string> environment)
    : named_(!config.empty()), flags_(std::move(flags)), environment_(std::move(environment)) {
  if (named_) configure(config);
  start();
}

void Relay::configure(const std::string& config) {
  EXPECT_TRUE(write_file_atomically(folder_.path() / "relay.yaml", config));
}

void Relay::start() {
  std::vector<std::string> words = {program("tessera-relay"), "--address", "127.0.0.1:0", "--data",
                                    (folder_.path() / "data").string()};
  if (named_) words.insert(words.end(), {"--config", (folder_.path() / "relay.yaml").string()});
  words.insert(words.end(), flags_.begin(), flags_.end());
  process_ = std::make_unique<Child>(words, environment_);
  const std::string rest = process_->after("relay ready address=");
  address_ = rest.substr(0, rest.find(' '));
  EXPECT_FALSE(address_.empty()) << "the relay did not come up: " << process_->output();
}

void Relay::kill() {
  process_->signal(SIGKILL);
  EXPECT_EQ(process_->wait(), 128 + SIGKILL);
}

std::string Relay::page(const std::string& path) { return fetch(client_, url(path)); }

double Relay::metric(const std::string& name, const std::vector<std::string>& parts) {
  const auto rows = series(page("/metrics"), name, parts);
  EXPECT_EQ(rows.size(), 1U) << name;
  return rows.size() == 1 ? value_of(rows[0]) : -1;
}

double Relay::sum(const std::string& name, const std::vector<std::string>& parts) {
  double total = 0;
  for (const std::string& row : series(page("/metrics"), name, parts)) total += value_of(row);
  return total;
}

bool Relay::has_sent_all() {
  return eventually([&] { return sum("tessera_relay_queue_samples") == 0; });
}

std::string global(const std::string& interval, const std::string& more) {
  return fmt::format("global: {{scrape_interval: {0}, scrape_timeout: {0}{1}}}\n", interval, more);
}

std::string static_job(const std::string& name, const std::vector<std::string>& addresses, const std::string& more) {
  return fmt::format("- job_name: {}\n  static_configs: [{{targets: [\"{}\"]}}]\n{}", name,
                     fmt::join(addresses, "\", \""), more);
}

std::string write_to(const std::string& name, const std::string& url, const std::string& more) {
  return fmt::format(
      "- {{name: {}, url: \"{}\", queue_config: {{batch_send_deadline: 100ms, max_shards: 2, max_backoff: "
      "200ms}}{}}}\n",
      name, url, more);
}

std::string write_to(const std::vector<const Receiver*>& receivers) {
  std::string out;
  for (const Receiver* receiver : receivers) out += write_to(receiver->name(), receiver->write_url());
  return out;
}

}  // namespace tessera::e2e
