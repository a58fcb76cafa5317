#include "cli/arguments_fleet.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace tessera::cli {
namespace {

struct OutputWord {
  std::string_view word;
  Output output;
};
constexpr OutputWord kOutputs[] = {{"table", Output::Table},
                                   {"wide", Output::Wide},
                                   {"json", Output::Json},
                                   {"csv", Output::Csv},
                                   {"name", Output::Name}};

constexpr FilterFlag kTopFilters[] = {
    {"--node", "nodeName", "only these nodes (a,b)"},
    {"--cluster", "cluster", "only this cluster"},
    {"-n,--namespace", "namespace", "only what these namespaces hold or use (a,b)"},
};

constexpr FilterFlag kCostFilters[] = {
    {"--window", "window", "today, lastmonth, 24h, 2026-11, or two times with a comma between them"},
    {"--aggregate", "aggregate",
     "of allocation and trend: by namespace, pod, node, model, team… (a,b) [of allocation namespace]"},
    {"--accumulate", "accumulate", "of allocation, trend and export: pieces of the calendar: hour, day, month…"},
    {"--step", "step", "of allocation, trend and export: pieces so long, as 6h or 1d"},
    {"--format", "format", "of export: csv, the ledger's lines, or focus, those of FOCUS 1.2 [csv]"},
    {"--filter", "filter", "OpenCost's: namespace:\"ml\"+node!:\"worker-01\""},
    {"--timezone", "timezone", "whose days and months are meant [the server's]"},
    {"--share-idle", "shareIdle",
     "what is unallocated goes to those who had something: weighted, even, false [the server's]"},
};
constexpr FilterFlag kForecastFilters[] = {
    {"--scope", "scope", "fleet, team:NAME or model:NAME [fleet]"},
    {"--horizon", "horizon", "how far ahead: 24h, 7d; 14d at most [48h]"},
    {"--timezone", "timezone", "of cost and patterns: whose months and hours are meant [the server's]"},
    {"--measure", "measure", "of patterns: usage, demand, cost, held [usage]"},
    {"--model", "model", "of capacity: only these (a,b)"},
    {"--add", "add", "of capacity: what if there were so many GPUs more?"},
};
constexpr FilterFlag kBudgetFilters[] = {{"--scope", "scope", "of these kinds: fleet, team, project, namespace (a,b)"},
                                         {"--scope-name", "scopeName", "of these teams, projects or namespaces (a,b)"}};
/// Each may come several times: commas are part of a name.
constexpr FilterFlag kBenchmarkFilters[] = {{"--model", "model", "only these models of GPUs, by their keys"},
                                            {"--driver", "driver", "only these versions of the driver"},
                                            {"--name", "name", "only these benchmarks"},
                                            {"--source", "source", "only what these have measured"}};
constexpr FilterFlag kAdviceFilters[] = {
    {"--kind", "kind", "of these kinds: idle-held, over-provisioned… (a,b)"},
    {"--state", "state", "in these states: open, accepted, snoozed, dismissed (a,b)"},
    {"-n,--namespace", "namespace", "of workloads in these namespaces (a,b)"},
    {"--team", "team", "of workloads of these teams (a,b)"}};
struct CostWord {
  std::string_view word;
  CostForm form;
};
constexpr CostWord kCostForms[] = {{"table", CostForm::Table}, {"json", CostForm::Json}, {"csv", CostForm::Csv}};

std::string check_limit(const std::string& text) {
  const auto number = parse_int(text);
  return number && *number > 0 ? "" : fmt::format("'{}', but a number above 0 is expected", text);
}

template <class Words>
CLI::Validator one_of(const Words& words, const std::string& shown) {
  const std::vector<std::string> list(words.begin(), words.end());
  return {[list, shown](const std::string& word) {
            return std::ranges::find(list, word) != list.end()
                       ? std::string()
                       : fmt::format("'{}', but one of {} is expected", word, shown);
          },
          shown};
}

}  // namespace

std::string check_duration(const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration) return duration.error().what;
  return duration->count() == 0 ? "more than 0 is expected" : "";
}

void FleetArguments::add_server(CLI::App& app, const std::string& what) {
  app.add_option("--server", server_, what)->type_name("URL");
  app.add_option("--key-file", key_file_, "file with the API key that is shown to the server [TESSERA_KEY_FILE]")
      ->type_name("FILE");
  app.add_option("--ca-file", ca_file_,
                 "certificates (PEM) that an https server's own must come from [TESSERA_CA_FILE, else the system's]")
      ->type_name("FILE");
}

void FleetArguments::add_asked_server(CLI::App& app) {
  add_server(app,
             "where tessera-server answers; without a path, /k8s-monitor is meant [TESSERA_SERVER, else "
             "http://127.0.0.1:8080]");
  app.add_option("--patience", patience_, "how long to wait for one answer [5s]")
      ->type_name("DURATION")
      ->check(check_duration);
}

void FleetArguments::add_asking(CLI::App& app) {
  app.fallthrough();
  add_asked_server(app);
  app.add_option("--interval", interval_, "how often to ask again [2s]")->type_name("DURATION")->check(check_duration);
}

void FleetArguments::add_filter(CLI::App& app, const FilterFlag& filter) {
  app.add_option(std::string(filter.flag), filters_[std::string(filter.parameter)], std::string(filter.what))
      ->type_name("TEXT");
}

void FleetArguments::add_lists(CLI::App& get) {
  std::vector<std::string> outputs;
  for (const OutputWord& one : kOutputs) outputs.emplace_back(one.word);
  const std::string shown = fmt::format("{}", fmt::join(outputs, "|"));
  for (const Resource& resource : resources()) {
    auto* list = get.add_subcommand(std::string(resource.name), std::string(resource.what));
    lists_.push_back({&resource, list});
    add_asking(*list);
    for (const FilterFlag& filter : resource.filters) add_filter(*list, filter);
    list->add_option("--limit", limit_, "at most so many rows [all]")->type_name("N")->check(check_limit);
    list->add_option("-o,--output", output_, "how to print it [table]")
        ->type_name(shown)
        ->check(one_of(outputs, shown));
    list->add_flag("-w,--watch", watch_, "print it anew whenever it has changed, until Ctrl-C");
    list->footer(
        fmt::format("Sorted by (--sort): {}\nExamples:\n  tessera get {} -o wide\n  tessera get {} -o csv > {}.csv",
                    resource.sorted_by, resource.name, resource.name, resource.name));
  }
}

void FleetArguments::add_top(CLI::App& app) {
  top_ = app.add_subcommand("top", "The fleet in a terminal, as it is now");
  add_asking(*top_);
  for (const FilterFlag& filter : kTopFilters) add_filter(*top_, filter);
  const std::string words = top_sort_keys();
  std::vector<std::string> list;
  for (const std::string_view word : split(words, '|')) list.emplace_back(word);
  top_->add_option("--sort", sort_, "what the largest of comes first [utilization]")
      ->type_name(words)
      ->check(one_of(list, words));
  top_->add_flag("--once", once_, "print one screen and end; so it is where the output is no terminal");
  top_->footer("Keys: q quit, blank: ask now, and the letters of the last line to sort. NO_COLOR=1 switches bold off.");
}

void FleetArguments::add_demo(CLI::App& app) {
  demo_ = app.add_subcommand("demo", "A simulated fleet and the whole product on this machine, until Ctrl-C");
  demo_->fallthrough();
  demo_->add_option("--address", address_, fmt::format("where its server serves [{}]", address_))
      ->type_name("HOST:PORT");
  demo_
      ->add_option("--alertmanager", alertmanager_,
                   "an Alertmanager that is told of its alerts, without /api/v2 [none]")
      ->type_name("URL");
  demo_->add_flag("--check", check_, "look once that all of it works, and end");
}

void FleetArguments::add_explain(CLI::App& app) {
  auto* explain = app.add_subcommand("explain", "Say why something is as it is");
  explain->require_subcommand(1);
  explain->fallthrough();
  explain_ = explain->add_subcommand("pod", "What a pod gets of the fleet's GPUs and why, or why it waits");
  explain_->fallthrough();
  add_asked_server(*explain_);
  explain_->add_option("pod", pod_, "which")
      ->type_name("NAMESPACE/NAME")
      ->required()
      ->check([](const std::string& text) {
        const auto slash = text.find('/');
        const bool fine = slash != std::string::npos && slash > 0 && slash + 1 < text.size();
        return fine ? std::string() : fmt::format("'{}', but NAMESPACE/NAME is expected", text);
      });
  explain_->footer("Example:\n  tessera explain pod serving/llm-7b-0");
}

void FleetArguments::add_cost(CLI::App& app) {
  cost_ = app.add_subcommand(
      "cost", "What GPUs have cost: teams, projects, any group, over time, by token, or the ledger as a file");
  cost_->fallthrough();
  add_asked_server(*cost_);
  const std::string words = fmt::format("{}", fmt::join(cost_words(), "|"));
  cost_->add_option("what", costs_.what, "of whom, or what [teams]")
      ->type_name(words)
      ->check(one_of(cost_words(), words));
  for (const FilterFlag& filter : kCostFilters) add_filter(*cost_, filter);
  add_form(*cost_);
  cost_->footer(
      "Examples:\n"
      "  tessera cost --window lastmonth --csv > teams.csv\n"
      "  tessera cost allocation --aggregate team,model --window 7d\n"
      "  tessera cost trend --window 30d --aggregate team\n"
      "  tessera cost tokens --window 7d\n"
      "  tessera cost export --format focus --window lastmonth > focus.csv");
}

void FleetArguments::add_forecast(CLI::App& app) {
  forecast_ = app.add_subcommand("forecast", "What comes next in usage, demand and cost, and when pools are full");
  forecast_->fallthrough();
  add_asked_server(*forecast_);
  const std::string words = fmt::format("{}", fmt::join(forecast_words(), "|"));
  forecast_->add_option("what", forecasts_.what, "of what [usage]")
      ->type_name(words)
      ->check(one_of(forecast_words(), words));
  for (const FilterFlag& filter : kForecastFilters) add_filter(*forecast_, filter);
  const std::vector<std::string> forms = {"table", "json"};
  forecast_->add_option("-o,--output", forecast_form_, "how to print it [table]")
      ->type_name("table|json")
      ->check(one_of(forms, "table|json"));
  forecast_->footer(
      "Examples:\n  tessera forecast cost --scope team:vision --horizon 7d\n  tessera forecast capacity --add 8");
}

void FleetArguments::add_form(CLI::App& app) {
  const std::vector<std::string> forms = {"table", "json", "csv"};
  app.add_option("-o,--output", cost_form_, "how to print it [table]")
      ->type_name("table|json|csv")
      ->check(one_of(forms, "table|json|csv"));
  app.add_flag("--csv", csv_, "the same as -o csv");
}

CostForm FleetArguments::form() const {
  return csv_ ? CostForm::Csv : std::ranges::find(kCostForms, cost_form_, &CostWord::word)->form;
}

void FleetArguments::add_budgets(CLI::App& app) {
  budgets_ = app.add_subcommand("budgets", "What parts of the fleet may cost, and how that stands");
  budgets_->fallthrough();
  add_asked_server(*budgets_);
  budgets_->add_option("budget", budget_, "one, day by day, by its name or its id [all]")->type_name("NAME");
  for (const FilterFlag& filter : kBudgetFilters) add_filter(*budgets_, filter);
  add_form(*budgets_);
  budgets_->footer("Examples:\n  tessera budgets --scope team\n  tessera budgets 'search in a month'");
}

void FleetArguments::add_benchmarks(CLI::App& app) {
  benchmarks_ = app.add_subcommand("benchmarks", "What was measured on models of GPUs, compared and watched");
  benchmarks_->fallthrough();
  add_asked_server(*benchmarks_);
  add_form(*benchmarks_);
  for (const BenchmarksWord& word : benchmarks_words()) {
    auto* one = benchmarks_->add_subcommand(std::string(word.word), std::string(word.what));
    one->fallthrough();
    one->callback([this, &word] { measured_.word = &word; });
    const auto more = [&](const char* flag, const char* parameter, const char* what) {
      one->add_option(flag, filters_[parameter], what)->type_name("TEXT");
    };
    if (word.word == "import") {
      one->add_option("file", measured_.file, "with a line of column names, or a list of records in JSON")
          ->type_name("FILE")
          ->required();
      one->add_flag("--dry-run", dry_run_, "say what would become of it, and do nothing");
      continue;
    }
    for (const FilterFlag& filter : kBenchmarkFilters)
      one->add_option(std::string(filter.flag), runs_of_[std::string(filter.parameter)], std::string(filter.what))
          ->type_name("TEXT")
          ->allow_extra_args(false);
    if (word.word == "compare") more("--by", "by", "model or driver [model]");
    if (word.word == "compare")
      more("--baseline", "baseline", "what the others are held against [the best model, the first driver]");
  }
  benchmarks_->require_subcommand(0, 1);
  benchmarks_->footer(
      "Examples:\n  tessera benchmarks import runs.csv\n  tessera benchmarks compare --name 'llama-3.1-8b tokens'\n"
      "  tessera benchmarks regressions\n  tessera benchmarks export > runs.csv");
}

Result<Command> FleetArguments::benchmarks_command() const {
  BenchmarksCommand out = measured_;
  if (!out.word) out.word = benchmarks_words().data();  // the list
  out.server = TRY(place());
  out.form = form();
  for (const auto& [parameter, values] : runs_of_)
    for (const std::string& value : values) out.query.emplace_back(parameter, value);
  for (const char* parameter : {"by", "baseline"})
    if (const auto given = filters_.find(parameter); given != filters_.end() && !given->second.empty())
      out.query.emplace_back(parameter, given->second);
  if (dry_run_) out.query.emplace_back("dryRun", "true");
  if (out.word->word == "export" && out.form == CostForm::Json) out.query.emplace_back("format", "json");
  if (out.form == CostForm::Csv && (out.word->word == "compare" || out.word->word == "regressions"))
    return fail(Code::Invalid, "benchmarks {}: no one table: -o table or json is expected", out.word->word);
  return Command(std::move(out));
}

void FleetArguments::add_advice(CLI::App& app) {
  advice_ = app.add_subcommand("advice", "What could be had for less, and what is made of it");
  advice_->fallthrough();
  add_asked_server(*advice_);
  for (const FilterFlag& filter : kAdviceFilters) add_filter(*advice_, filter);
  add_form(*advice_);
  for (const AdviceWord& word : advice_words()) {
    auto* one = advice_->add_subcommand(std::string(word.word), std::string(word.what));
    one->fallthrough();
    one->add_option("id", advised_.id, "which, as `tessera advice` lists it")->type_name("ID")->required();
    one->callback([this, &word] { advised_.word = &word; });
    if (word.has_reason) {
      auto* reason = one->add_option("--reason", advised_.reason, "why, for those who read it later");
      reason->type_name("TEXT")->required(word.needs_reason);
    }
    if (!word.has_time) continue;
    auto* until = one->add_option("--until", advised_.until, "when it is to come back")->type_name("TIME");
    auto* span = one->add_option("--for", advised_.span, "after how long it is to come back: 14d");
    span->type_name("DURATION")->check(check_duration)->excludes(until);
  }
  advice_->footer(
      "Examples:\n  tessera advice --state open -n research\n  tessera advice show idle-held-0123456789abcdef\n"
      "  tessera advice snooze idle-held-0123456789abcdef --for 14d\n"
      "  tessera advice dismiss idle-held-0123456789abcdef --reason 'a demonstration stands there'");
}

Result<Command> FleetArguments::advice_command(Parameters query) const {
  AdviceCommand out = advised_;
  out.server = TRY(place());
  out.query = std::move(query);
  out.form = form();
  if (out.word && out.form == CostForm::Csv)
    return fail(Code::Invalid, "advice {}: one advice is no table: -o table or json is expected", out.word->word);
  if (out.word && !out.query.empty())
    return fail(Code::Invalid, "advice {}: --{} is of the list; one advice has its id", out.word->word,
                out.query.front().first);
  if (out.word && out.word->has_time && out.until.empty() && out.span.empty())
    return fail(Code::Invalid, "advice snooze: --for DURATION or --until TIME is expected");
  return Command(std::move(out));
}

std::vector<CLI::App*> FleetArguments::commands() const {
  std::vector<CLI::App*> out{top_, demo_, explain_, cost_, forecast_, budgets_, benchmarks_, advice_};
  for (const Listed& one : lists_) out.push_back(one.app);
  return out;
}

bool FleetArguments::names_server(const CLI::App& app) const {
  return app.get_option("--server")->count() > 0;  // who set the variable for get and top wants his node looked at
}

Result<ServerPlace> FleetArguments::place() const {
  ServerPlace out;
  const auto given = [](const std::string& flag, const char* variable) {
    const char* value = std::getenv(variable);
    return !flag.empty() || value == nullptr ? flag : std::string(value);
  };
  if (const std::string url = given(server_, "TESSERA_SERVER"); !url.empty()) out.url = url;
  out.key_file = given(key_file_, "TESSERA_KEY_FILE");
  out.ca_file = given(ca_file_, "TESSERA_CA_FILE");
  out.patience = TRY(parse_duration(patience_));
  return out;
}

Result<Command> FleetArguments::command() const {
  Parameters query;
  for (const auto& [parameter, value] : filters_)
    if (!value.empty()) query.emplace_back(parameter, value);
  if (top_->parsed()) {
    TopCommand out;
    out.server = TRY(place());
    out.query = std::move(query);
    out.sort = sort_;
    out.once = once_;
    out.interval = TRY(parse_duration(interval_));
    return Command(std::move(out));
  }
  if (cost_->parsed()) {
    CostCommand out = costs_;
    out.server = TRY(place());
    out.query = std::move(query);
    out.form = form();
    const auto asks = [&](std::string_view name) {
      return std::ranges::any_of(out.query, [&](const auto& one) { return one.first == name; });
    };
    if (out.what == kCostExport && out.form == CostForm::Json)
      return fail(Code::Invalid, "cost export: it is a file of lines: --format csv or focus is expected");
    if (out.what == "tokens" && out.form == CostForm::Csv)
      return fail(Code::Invalid, "cost tokens: the server has no lines of it: -o table or json is expected");
    if (out.what != kCostExport && asks("format"))
      return fail(Code::Invalid, "cost {}: --format is of export alone: -o table, json or csv is expected", out.what);
    if (out.what == "allocation" && !asks("aggregate")) out.query.emplace_back("aggregate", "namespace");
    if (out.what == "allocation") out.query.emplace_back("includeIdle", "true");
    return Command(std::move(out));
  }
  if (forecast_->parsed()) {
    ForecastCommand out = forecasts_;
    out.server = TRY(place());
    out.query = std::move(query);
    out.json = forecast_form_ == "json";
    return Command(std::move(out));
  }
  if (budgets_->parsed()) {
    BudgetsCommand out{budget_, TRY(place()), std::move(query), form()};
    if (!out.name.empty() && out.form == CostForm::Csv)
      return fail(Code::Invalid, "budgets {}: one budget is no table: -o table or json is expected", out.name);
    return Command(std::move(out));
  }
  if (benchmarks_->parsed()) return benchmarks_command();
  if (advice_->parsed()) return advice_command(std::move(query));
  if (explain_->parsed()) return Command(ExplainCommand{TRY(place()), pod_});
  if (demo_->parsed()) {
    DemoCommand out;
    out.address = address_;
    out.alertmanager = alertmanager_;
    out.check = check_;
    return Command(std::move(out));
  }
  const auto list = std::ranges::find_if(lists_, [](const Listed& one) { return one.app->parsed(); });
  GetCommand out;
  out.resource = list->resource;
  out.server = TRY(place());
  out.output = std::ranges::find(kOutputs, output_, &OutputWord::word)->output;
  out.query = std::move(query);
  out.limit = parse_int(limit_).value_or(0);
  out.watch = watch_;
  out.interval = TRY(parse_duration(interval_));
  return Command(std::move(out));
}

}  // namespace tessera::cli
