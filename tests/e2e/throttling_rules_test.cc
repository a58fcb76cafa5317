// What deploy/prometheus records of clocks that are held down, as a real Prometheus evaluates it over an hour and a
// half of made-up boards, and what the server makes of the same samples: one number.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <regex>
#include <set>

#include "base/files.h"
#include "fleet/alerts/neighbour_throttling.h"
#include "fleet/alerts/observe_device.h"
#include "fleet/alerts/own_past.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/told_pages.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {
namespace alerts = fleet::alerts;

const std::string kRules = TESSERA_SOURCE_DIR "/deploy/prometheus/gpu.rules.yaml";
const std::string kRatio = "gpu:clocks_held_down_ratio:avg30m", kMedian = "model:gpu_clocks_held_down_ratio:median",
                  kSpread = "model:gpu_clocks_held_down_ratio:spread";
constexpr EpochMs kMinute = 60'000, kStep = 15'000, kStart = 1'700'000'040'000;  // a whole minute
constexpr int kSteps = 4 * 90;
constexpr double kSame = 1e-9;

struct Step {
  enum Tells { Nothing, End, Sample } tells = Nothing;  ///< End: it was asked, and does not tell any more
  int percent = 0, reasons = 0;
};

struct Board {
  std::string uuid, model, reasons_field;
  EpochMs phase = 0;
  std::vector<Step> steps{};

  EpochMs time(int step) const { return kStart + step * kStep + phase; }
  std::string labels() const {
    return fmt::format(R"(gpu="0",UUID="{0}",Hostname="of-{0}",modelName="{1}")", uuid, model);
  }
  std::string series(const std::string& field) const {
    return fmt::format(R"({}{{cluster="c",node="of-{}",{}}})", field, uuid, labels());
  }
};

/// Turns of work, of little work and of silence.
class MadeUp {
 public:
  /// `scraped`: all at the whole steps, by one who sees that a target does not answer, but for a minute at most.
  MadeUp(std::uint64_t seed, bool scraped) : random_(seed), scraped_(scraped) {
    for (const auto& [model, count] : {std::pair("NVIDIA H100 80GB HBM3", 8), {"NVIDIA L4", 7}, {"Tesla T4", 4}})
      for (int i = 0; i < count; ++i) {
        Board one{fmt::format("GPU-{}", boards.size()), model,
                  i % 2 == 0 ? "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS" : "DCGM_FI_DEV_CLOCKS_EVENT_REASONS",
                  scraped ? 0 : below(static_cast<int>(kStep) - 1)};
        work(one);
        boards.push_back(std::move(one));
      }
  }
  std::vector<Board> boards;

 private:
  int below(int end) { return std::uniform_int_distribution(0, end - 1)(random_); }
  int one_of(std::initializer_list<int> these) { return these.begin()[below(static_cast<int>(these.size()))]; }

  void work(Board& board) {
    const int often = one_of({0, 5, 20, 50, 80, 100});  // percent of the time
    int reasons = 0;
    while (board.steps.size() < kSteps) {
      const int turn = below(10);
      const bool works = turn < 6;
      const int length = works ? 20 + below(80) : one_of({1, 2, 4, 8, 15, 19, 22, 30});
      const bool is_silent = turn >= 8, ends = scraped_ && (length > 4 || below(2) == 0);
      for (int i = 0; i < length && board.steps.size() < kSteps; ++i) {
        if (below(8) == 0) reasons = below(100) < often ? one_of({8, 32, 64, 128, 72, 36}) : one_of({0, 0, 1, 4, 256});
        if (is_silent)
          board.steps.push_back({ends && i == 0 ? Step::End : Step::Nothing});
        else
          board.steps.push_back({Step::Sample, works ? 50 + below(51) : below(50), reasons});
      }
    }
  }

  std::mt19937_64 random_;
  const bool scraped_;
};

/// As far as it looks at clocks.
class Server {
 public:
  explicit Server(const std::vector<Board>& boards) : boards_(boards) {}

  void tell(const Board& board, int number) {
    const Step& step = board.steps[static_cast<std::size_t>(number)];
    if (step.tells == Step::Nothing) return;
    std::string page = "up_and_well 1\n";
    if (step.tells == Step::Sample)
      page = fmt::format("DCGM_FI_DEV_GPU_UTIL{{{0}}} {1}\n{3}{{{0}}} {2}\n", board.labels(), step.percent,
                         step.reasons, board.reasons_field);
    told_.scrape(board.time(number), fmt::format(R"(cluster="c",node="of-{}")", board.uuid), page);
    heard_.erase(board.uuid);
    if (step.tells == Step::Sample) heard_[board.uuid] = board.time(number);
  }

  struct Seen {
    std::map<std::string, double> ratios;                           ///< by UUID
    std::map<std::string, std::optional<alerts::Centre>> by_model;  ///< of those of whose boards none is silent
  };
  Seen look(EpochMs now) {
    told_.fleet.advance(now);
    const auto view = told_.fleet.publish(now);
    past_.note(*view);
    Seen out;
    const alerts::NeighbourThrottling neighbours(*view, past_);
    for (const Board& board : boards_) {
      if (const auto ratio = past_.throttled_of_late("c/" + board.uuid, now)) out.ratios[board.uuid] = *ratio;
      out.by_model[board.model] = neighbours.usual(fleet::model_key_of(board.model));
    }
    // For some minutes Prometheus takes a silent one to be as it was; the server compares it with nobody.
    for (const Board& board : boards_) {
      const EpochMs silence = heard_.contains(board.uuid) ? now - heard_[board.uuid] : 0;
      if (silence > kMinute && silence <= 6 * kMinute) out.by_model.erase(board.model);
    }
    return out;
  }

 private:
  const std::vector<Board>& boards_;
  fleet::ToldPages told_;
  alerts::OwnPast past_;
  std::map<std::string, EpochMs> heard_;
};

/// OpenMetrics with times, which a Prometheus remembers.
std::string past_of(const std::vector<Board>& boards) {
  std::string out;
  const auto write = [&](const std::string& field, const auto& value) {
    for (const Board& board : boards)
      for (int i = 0; i < kSteps; ++i)
        if (const Step& step = board.steps[static_cast<std::size_t>(i)];
            step.tells == Step::Sample && (field == board.reasons_field || field == "DCGM_FI_DEV_GPU_UTIL"))
          out += fmt::format("{} {} {:.3f}\n", board.series(field), value(step),
                             static_cast<double>(board.time(i)) / 1000);
  };
  write("DCGM_FI_DEV_GPU_UTIL", [](const Step& step) { return step.percent; });
  for (const char* field : {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"})
    write(field, [](const Step& step) { return step.reasons; });
  return out + "# EOF\n";
}

/// The rules that record.
class Records {
 public:
  Records() : file_(YAML::LoadFile(kRules)) {
    for (const auto& group : file_["groups"])
      for (const auto& rule : group["rules"])
        if (rule["record"]) texts_[rule["record"].as<std::string>()] = rule["expr"].as<std::string>();
  }
  /// What a rule records, with what it stands on in the place of the names of that: so it can be asked for at any time.
  std::string expression(const std::string& name) {
    static const std::regex kName("[A-Za-z_:][A-Za-z0-9_:]*"), kBare("group_left (?!\\()");
    used_.insert(name);
    const std::string text = std::regex_replace(texts_.at(name), kBare, "group_left () ");
    std::string out;
    auto from = text.begin();
    for (std::sregex_iterator at(text.begin(), text.end(), kName), end; at != end; ++at) {
      out.append(from, (*at)[0].first);
      out += texts_.contains(at->str()) ? '(' + expression(at->str()) + ')' : at->str();
      from = (*at)[0].second;
    }
    return out.append(from, text.end());
  }
  /// The file, with none of its rules but those that were in any expression.
  std::string used() const {
    YAML::Node out;
    for (const auto& group : file_["groups"]) {
      YAML::Node kept;
      kept["name"] = group["name"];
      for (const auto& rule : group["rules"])
        if (rule["record"] && used_.contains(rule["record"].as<std::string>())) kept["rules"].push_back(rule);
      if (kept["rules"]) out["groups"].push_back(kept);
    }
    return YAML::Dump(out);
  }

 private:
  const YAML::Node file_;
  std::map<std::string, std::string> texts_;
  std::set<std::string> used_;
};

struct Compared {
  int ratios = 0, models = 0;
};

/// At one time.
struct Asked {
  std::map<std::string, double> ratios, medians, spreads;
};

void expect_same(const Server::Seen& server, const Asked& asked, Compared& compared) {
  for (const auto& [uuid, ratio] : asked.ratios)
    EXPECT_TRUE(server.ratios.contains(uuid)) << uuid << ": Prometheus alone has it, " << ratio;
  for (const auto& [uuid, ratio] : server.ratios) {
    ASSERT_TRUE(asked.ratios.contains(uuid)) << uuid << ": the server alone has it, " << ratio;
    EXPECT_NEAR(ratio, asked.ratios.at(uuid), kSame) << uuid;
    ++compared.ratios;
  }
  for (const auto& [model, usual] : server.by_model) {
    ASSERT_EQ(usual.has_value(), asked.medians.contains(model)) << model;
    ASSERT_EQ(usual.has_value(), asked.spreads.contains(model)) << model;
    if (!usual) continue;
    EXPECT_NEAR(usual->median, asked.medians.at(model), kSame) << model;
    EXPECT_NEAR(usual->spread, asked.spreads.at(model), kSame) << model;
    ++compared.models;
  }
}

/// Now and then, at whole minutes too. Samples come at any time between, and holes are not told of.
TEST(ThrottlingRules, AreTheServersNumbers) {
  const MadeUp fleet(20'261'201, false);
  const auto prometheus = Prometheus::remembering(past_of(fleet.boards), "127.0.0.1:1", kRules);
  if (!prometheus) GTEST_SKIP() << "no Prometheus, or no promtool, on this machine: ./dev unpacks them";
  Records records;
  const std::string ratio = records.expression(kRatio), median = records.expression(kMedian),
                    spread = records.expression(kSpread);
  const auto ask = [&](const std::string& query, const char* label, EpochMs time) {
    std::map<std::string, double> out;
    for (const Vector& row : prometheus->query(query, time)) out[row.labels.at(label)] = row.value;
    return out;
  };
  Server server(fleet.boards);
  Compared compared;
  for (int step = 0; step < kSteps; ++step) {
    // The first thing in a step, where a minute begins; else its last one.
    const bool asks = step > 80 && step % 80 == 4, asks_late = step > 80 && step % 61 == 3;
    const auto compare = [&](EpochMs now) {
      expect_same(server.look(now),
                  {ask(ratio, "UUID", now), ask(median, "modelName", now), ask(spread, "modelName", now)}, compared);
    };
    if (asks) compare(kStart + step * kStep);
    for (const Board& board : fleet.boards) server.tell(board, step);
    const EpochMs end = kStart + (step + 1) * kStep - 1;
    asks_late ? compare(end) : static_cast<void>(server.look(end));
  }
  EXPECT_GT(compared.ratios, 100);
  EXPECT_GT(compared.models, 6);
}

/// What the server has seen, step by step, as promtool's values.
std::string values(const std::vector<std::optional<double>>& of) {
  std::string out;
  for (const auto& one : of) out += one ? fmt::format("{:.17g} ", *one) : "stale ";
  return out;
}

class PromtoolTest {
 public:
  void series(const std::string& name, const std::string& values) {
    series_ += fmt::format("      - {{series: '{}', values: '{}'}}\n", name, values);
  }
  void board(const Board& of) {
    std::string percents, reasons;
    for (const Step& step : of.steps) {
      const std::string_view none = step.tells == Step::End ? "stale " : "_ ";
      percents += step.tells == Step::Sample ? fmt::format("{} ", step.percent) : none;
      reasons += step.tells == Step::Sample ? fmt::format("{} ", step.reasons) : none;
    }
    series(of.series("DCGM_FI_DEV_GPU_UTIL"), percents);
    series(of.series(of.reasons_field), reasons);
  }
  /// At each step the two are the same, or neither is there; `count` values altogether.
  void same(const std::string& rule, const std::string& servers, const char* label, std::size_t count) {
    for (int third = 1; third <= 3; ++third) {  // promtool bounds how many samples a query may take
      const int end = third * kSteps / 3;
      const std::string of = fmt::format("[{}ms:15s]", kSteps / 3 * kStep - 1);
      expect(end, fmt::format("max_over_time((abs({} - on({}) {})){}) > {}", rule, label, servers, of, kSame), "");
      expect(end, fmt::format("count_over_time(({} unless on({}) {}){})", rule, label, servers, of), "");
      expect(end, fmt::format("count_over_time(({2} unless on({1}) {0}){3})", rule, label, servers, of), "");
    }
    expect(kSteps, fmt::format("sum(count_over_time({}[{}ms:15s]))", rule, kSteps * kStep - 1),
           fmt::format("{{labels: '{{}}', value: {}}}", count));
  }
  /// `rules`: a path.
  std::string text(const std::string& rules) const {
    return fmt::format(
        "rule_files: ['{}']\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n{}"
        "    promql_expr_test:\n{}",
        rules, series_, expected_);
  }

 private:
  void expect(int steps, const std::string& query, const std::string& sample) {
    expected_ += fmt::format("      - {{expr: '{}', eval_time: {}s, exp_samples: [{}]}}\n", query,
                             (steps - 1) * kStep / 1000, sample);
  }
  std::string series_, expected_;
};

/// At each step, by the rules as they are recorded one upon the other. A scrape that fails ends what was told.
TEST(ThrottlingRules, AreTheServersNumbersAsRecorded) {
  const std::string promtool = peer("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is missing: ./dev unpacks it with prometheus";
  const MadeUp fleet(20'261'202, true);
  Server server(fleet.boards);
  std::map<std::string, std::vector<std::optional<double>>> ratios, medians, spreads;
  std::size_t ratio_count = 0, model_count = 0;
  for (int step = 0; step < kSteps; ++step) {
    for (const Board& board : fleet.boards) server.tell(board, step);
    const auto seen = server.look(kStart + step * kStep);
    for (const Board& board : fleet.boards) {
      const auto found = seen.ratios.find(board.uuid);
      ratios[board.uuid].push_back(found == seen.ratios.end() ? std::nullopt : std::optional(found->second));
    }
    ratio_count += seen.ratios.size();
    for (const Board& board : fleet.boards) {
      if (medians[board.model].size() > static_cast<std::size_t>(step)) continue;
      const auto found = seen.by_model.find(board.model);
      const auto usual = found == seen.by_model.end() ? std::nullopt : found->second;
      medians[board.model].push_back(usual ? std::optional(usual->median) : std::nullopt);
      spreads[board.model].push_back(usual ? std::optional(usual->spread) : std::nullopt);
      model_count += usual ? 1 : 0;
    }
  }
  EXPECT_GT(ratio_count, 1000U);
  EXPECT_GT(model_count, 300U);
  PromtoolTest test;
  for (const Board& board : fleet.boards) test.board(board);
  for (const auto& [uuid, of] : ratios) test.series(fmt::format("server_ratio{{UUID=\"{}\"}}", uuid), values(of));
  for (const auto& [model, of] : medians)
    test.series(fmt::format("server_median{{modelName=\"{}\"}}", model), values(of));
  for (const auto& [model, of] : spreads)
    test.series(fmt::format("server_spread{{modelName=\"{}\"}}", model), values(of));
  test.same(kRatio, "server_ratio", "UUID", ratio_count);
  test.same(kMedian, "server_median", "modelName", model_count);
  test.same(kSpread, "server_spread", "modelName", model_count);
  const TempDir folder;
  const std::string path = (folder.path() / "test.yaml").string(), rules = (folder.path() / "rules.yaml").string();
  Records records;
  records.expression(kSpread);
  EXPECT_EQ(YAML::Load(records.used())["groups"].size(), 1U) << "those of two are evaluated at times of their own";
  ASSERT_TRUE(write_file_atomically(rules, records.used()) && write_file_atomically(path, test.text(rules)));
  const Finished tested = run({promtool, "test", "rules", path});
  EXPECT_EQ(tested.code, 0) << tested.output.substr(0, 4000);
}

}  // namespace
}  // namespace tessera::e2e
