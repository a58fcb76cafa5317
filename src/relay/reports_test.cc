// What the relay prints instead of serving, over a real target.
#include "relay/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "http/server.h"
#include "metrics/parse.h"

namespace tessera::relay {
namespace {
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Reports : public testing::Test {
 protected:
  void SetUp() override {
    http::ServerOptions anywhere;
    anywhere.address = "127.0.0.1:0";
    auto server = http::Server::listen(anywhere, {{"GET", "/metrics", [this](const http::Request&) {
                                                     http::Response response;
                                                     response.body = page_;
                                                     return response;
                                                   }}});
    ASSERT_TRUE(server);
    server_ = *std::move(server);
  }

  Options with(const std::string& yaml) {
    Options options;
    options.config = (dir_.path() / "relay.yaml").string();
    options.data = (dir_.path() / "data").string();
    options.service_account = (dir_.path() / "none").string();
    EXPECT_TRUE(write_file_atomically(options.config, yaml));
    return options;
  }

  std::string job() const {
    return fmt::format(
        "global: {{external_labels: {{cluster: c1}}}}\nscrape_configs:\n- job_name: j\n"
        "  static_configs:\n  - targets: ['{}']\n",
        server_->address());
  }

  TempDir dir_;
  std::unique_ptr<http::Server> server_;
  std::string page_ =
      "# HELP h_seconds How long\\nit took.\n# TYPE h_seconds histogram\nh_seconds_bucket{le=\"1\"} 1\n"
      "h_seconds_bucket{le=\"+Inf\"} 2\nh_seconds_sum 3\nh_seconds_count 2\n# TYPE c_total "
      "counter\nc_total{a=\"\\\"\"} "
      "NaN\n";
};

TEST_F(Reports, SumUpAConfiguration) {
  const auto text = config_summary(with(job() + "remote_write:\n- name: prom\n  url: http://prom/write\n"
                                                "  basic_auth: {username: u, password_file: no-such-file}\n"));
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_THAT(*text, HasSubstr("relay.yaml: good. 1 job, 1 destination.\nevery series gets {cluster=\"c1\"}\n"));
  EXPECT_THAT(*text, HasSubstr("every 1m, timeout 10s, /metrics over http\n"));
  EXPECT_THAT(*text, HasSubstr("finds      1 fixed target\n"));
  EXPECT_THAT(*text, HasSubstr("data/queue/prom: up to 8 GiB or 7d old"));
  EXPECT_THAT(*text, HasSubstr("no-such-file cannot be read here\n"));
}

TEST_F(Reports, SumUpWhatIsBuiltIn) {
  const auto text = config_summary({});
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_THAT(*text, StartsWith("built in: good. "));
  EXPECT_THAT(*text, HasSubstr("that look like tessera-agent\n"));
  EXPECT_THAT(*text, HasSubstr("warning: nothing is forwarded"));
}

TEST_F(Reports, RefuseABadConfiguration) {
  const auto text = config_summary(with("scrape_configs:\n- job_nam: x\n"));
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().what, HasSubstr("relay.yaml:2:"));
  EXPECT_FALSE(dry_run_page(with("x: ["), {}));
}

TEST_F(Reports, ADryRunPrintsWhatWouldBeSent) {
  const auto text = dry_run_page(
      with(job() + "remote_write:\n- name: all\n  url: http://a/write\n- name: few\n  url: http://b/write\n"
                   "  write_relabel_configs:\n  - {source_labels: [__name__], regex: up, action: keep}\n"),
      {});
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_THAT(*text, HasSubstr(": up, 5 samples, 5 kept\n"));
  const auto second = text->find("# destination few\n");
  ASSERT_NE(second, std::string::npos);
  const std::string all = text->substr(text->find("# destination all\n"), second - text->find("# destination all\n"));
  const std::string few = text->substr(second);
  const std::string labels = fmt::format("cluster=\"c1\",instance=\"{}\",job=\"j\"", server_->address());
  EXPECT_THAT(all, HasSubstr(fmt::format("\nc_total{{a=\"\\\"\",{}}} NaN ", labels)));
  EXPECT_THAT(all, HasSubstr(fmt::format("\nup{{{}}} 1 ", labels)));
  EXPECT_THAT(all, HasSubstr("# HELP h_seconds How long\\nit took.\n# TYPE h_seconds histogram\nh_seconds_bucket{"));
  EXPECT_THAT(few, HasSubstr(fmt::format("\nup{{{}}} 1 ", labels)));
  EXPECT_THAT(few, Not(HasSubstr("c_total")));
  struct : metrics::PageReader {
    void sample(const metrics::Sample&) override {}
  } reader;
  const auto good = metrics::parse_text(all, reader);
  EXPECT_TRUE(good) << good.error().what;
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "data")) << "a dry run queues nothing";
}

TEST_F(Reports, ADryRunTellsOfTargetsThatFail) {
  page_ = "<html>\n";
  const auto text = dry_run_page(with(job()), {});
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_THAT(*text, HasSubstr(": down: "));
  EXPECT_THAT(*text, HasSubstr("# destination none configured\n"));
  EXPECT_THAT(*text, HasSubstr(fmt::format("up{{cluster=\"c1\",instance=\"{}\",job=\"j\"}} 0 ", server_->address())));
}

TEST_F(Reports, AnExplanationNeedsAnApiServer) {
  const auto text = pod_explanation(with(job()), {});
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().what, HasSubstr("no job of the configuration looks at pods"));
}

TEST_F(Reports, EndAtTheStop) {
  std::stop_source stop;
  stop.request_stop();
  const auto text = dry_run_page(with(job()), stop.get_token());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace tessera::relay
