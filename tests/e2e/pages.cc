#include "tests/e2e/pages.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "metrics/parse.h"

namespace tessera::e2e {
namespace {

class Nobody : public metrics::PageReader {
 public:
  void sample(const metrics::Sample&) override {}
};

}  // namespace

std::filesystem::path test_scenario(const std::string& name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR "/tests/e2e/scenarios") / (name + ".yaml");
}

void expect_valid_text(const std::string& page) {
  Nobody reader;
  const auto parsed = metrics::parse_text(page, reader, metrics::Rules::Strict);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().what) << '\n' << page;
}

void expect_valid_openmetrics(const std::string& page) {
  Nobody reader;
  const auto parsed = metrics::parse_openmetrics(page, reader, metrics::Rules::Strict);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().what) << '\n' << page;
}

double only_value(const std::string& page, const std::string& name, const std::vector<std::string>& parts) {
  const auto found = series(page, name, parts);
  EXPECT_EQ(found.size(), 1U) << name << ' ' << testing::PrintToString(parts);
  return found.empty() ? -1 : value_of(found[0]);
}

std::string label_of(const std::string& line, const std::string& name) {
  for (const std::string& start : {'{' + name + "=\"", ',' + name + "=\""}) {
    const auto at = line.find(start);
    if (at == std::string::npos) continue;
    const auto from = at + start.size();
    return line.substr(from, line.find('"', from) - from);
  }
  return {};
}

std::set<std::string> pids(const std::string& page, const std::vector<std::string>& parts) {
  std::set<std::string> out;
  for (const auto& line : series(page, "gpu_process_info", parts))
    if (std::string pid = label_of(line, "pid"); !pid.empty()) out.insert(std::move(pid));
  return out;
}

double collections(const std::string& page) { return only_value(page, "tessera_agent_collections_total"); }

std::string page_where(Agent& agent, const std::function<bool(const std::string&)>& holds) {
  std::string page;
  const bool came = eventually([&] {
    page = agent.metrics();
    return holds(page);
  });
  EXPECT_TRUE(came) << "never came; the last page:\n" << page << "\nthe agent says:\n" << agent.process().output();
  return page;
}

bool up(const std::string& page, const std::string& gpu) {
  return only_value(page, "tessera_agent_device_up", {"{gpu=\"" + gpu + "\""}) == 1;
}

std::string next_page(Agent& agent, const std::vector<std::string>& answered) {
  // The next collection may have begun before this call; the one after it has not.
  const double before = collections(agent.metrics());
  return page_where(agent, [&](const std::string& page) {
    return collections(page) >= before + 2 &&
           std::ranges::all_of(answered, [&](const std::string& gpu) { return up(page, gpu); });
  });
}

}  // namespace tessera::e2e
