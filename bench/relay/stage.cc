#include "bench/relay/stage.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "tests/e2e/node.h"

namespace tessera::bench {
namespace {
using namespace std::chrono_literals;

std::vector<std::string> load_command(const LoadShape& shape, bool check) {
  std::vector<std::string> out = {e2e::program("relay_load"), std::to_string(shape.targets),
                                  std::to_string(shape.page.metrics), std::to_string(shape.page.devices)};
  if (check) out.emplace_back("count");
  return out;
}

std::vector<std::string> sink_command(bool check) {
  std::vector<std::string> out = {e2e::program("relay_sink")};
  if (check) out.emplace_back("check");
  return out;
}

std::string port_of(e2e::Child& child) {
  if (!child.says("port ", 120s)) std::fprintf(stderr, "%s\n", child.output().c_str()), std::exit(EXIT_FAILURE);
  return std::string(trim(child.after("port ")));
}

}  // namespace

std::vector<std::string> pinned(int core, std::vector<std::string> command) {
  command.insert(command.begin(), {"taskset", "--cpu-list", std::to_string(core)});
  return command;
}

double Received::operator[](const std::string& name) const {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

double Received::within(EpochMs begin, EpochMs length_ms) const {
  double out = 0;
  for (const auto& [time, samples] : by_time)
    if (time >= begin && time < begin + length_ms) out += samples;
  return out;
}

Stage::Stage(const Contender& contender, const LoadShape& shape, bool check)
    : contender_(contender), load_(pinned(0, load_command(shape, check))), sink_(pinned(0, sink_command(check))) {
  const std::string load_port = port_of(load_);
  load_url_ = "http://127.1.0.1:" + load_port;
  sink_url_ = "http://127.0.0.1:" + port_of(sink_);
  for (unsigned i = 0; i < shape.targets; ++i)
    work_.targets.push_back(fmt::format("127.1.{}.{}:{}", i / 200, i % 200 + 1, load_port));
  work_.interval_s = shape.interval_s;
  work_.write_url = sink_url_ + "/write";
}

void Stage::start() {
  program_ = std::make_unique<e2e::Child>(pinned(1, contender_.command(contender_, folder_.path(), work_)));
}

bool Stage::delivers() {
  if (e2e::eventually([this] { return received()["exposed"] > 0; }, 60s)) return true;
  std::fprintf(stderr, "%s delivers nothing. It says:\n%s\n", contender_.name.c_str(), program_->output().c_str());
  return false;
}

std::string Stage::call(const std::string& method, const std::string& url) {
  http::ClientRequest request;
  request.method = method;
  request.url = url;
  request.deadline = 60s;  // it waits behind all that the program sends
  const auto reply = client_.send(request);
  if (!reply) std::fprintf(stderr, "%s\n", reply.error().what.c_str()), std::exit(EXIT_FAILURE);
  return reply->body;
}

Received Stage::received() {
  const std::string body = call("GET", sink_url_ + "/counts");
  Received out;
  for (const auto line : split(body, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() == 2) out.counts[std::string(words[0])] = *parse_double(words[1]);
    if (words.size() == 3) out.by_time.emplace_back(*parse_int(words[1]), *parse_double(words[2]));
  }
  return out;
}

double Stage::pages_served() { return *parse_double(trim(call("GET", load_url_ + "/served"))); }
void Stage::refuse(std::chrono::milliseconds how_long) {
  call("POST", fmt::format("{}/refuse/{}", sink_url_, how_long.count()));
}
void Stage::end_load() { call("POST", load_url_ + "/end"); }

}  // namespace tessera::bench
