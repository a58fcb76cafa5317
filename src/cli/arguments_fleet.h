#pragma once
// Inside this room: the command line of what asks a server: get LIST, top, doctor --server, audit verify.
#include <map>
#include <string>
#include <vector>

#include "cli/arguments.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tessera::cli {

/// Empty for a duration above 0, else what is wrong.
std::string check_duration(const std::string& text);

/// What the user gave; outlives the parser.
class FleetArguments {
 public:
  /// Where the server is, who asks and whom he trusts: the same flags and variables for every command.
  void add_server(CLI::App& app, const std::string& what);
  void add_asked_server(CLI::App& app);  ///< likewise, of a command that asks one whether it is named or not
  void add_lists(CLI::App& get);
  void add_top(CLI::App& app);
  void add_demo(CLI::App& app);
  void add_explain(CLI::App& app);
  void add_cost(CLI::App& app);
  void add_forecast(CLI::App& app);
  void add_budgets(CLI::App& app);
  void add_benchmarks(CLI::App& app);
  void add_advice(CLI::App& app);

  std::vector<CLI::App*> commands() const;
  /// Of the list or top that was parsed.
  Result<Command> command() const;
  /// Whether a server was named for `app`, by flag or file.
  bool names_server(const CLI::App& app) const;
  Result<ServerPlace> place() const;

 private:
  void add_asking(CLI::App& app);
  void add_filter(CLI::App& app, const FilterFlag& filter);
  void add_form(CLI::App& app);
  CostForm form() const;
  Result<Command> benchmarks_command() const;

  Result<Command> advice_command(Parameters query) const;

  struct Listed {
    const Resource* resource;
    CLI::App* app;
  };
  std::vector<Listed> lists_;
  CLI::App* top_ = nullptr;
  CLI::App* demo_ = nullptr;
  CLI::App* explain_ = nullptr;  ///< `explain pod`
  CLI::App* cost_ = nullptr;
  CostCommand costs_;
  CLI::App* budgets_ = nullptr;
  std::string budget_;
  CLI::App* benchmarks_ = nullptr;
  BenchmarksCommand measured_;
  std::map<std::string, std::vector<std::string>> runs_of_;  ///< by parameter, likewise
  CLI::App* advice_ = nullptr;
  AdviceCommand advised_;  ///< what was asked, and the answer
  std::string cost_form_ = "table";
  bool csv_ = false;
  CLI::App* forecast_ = nullptr;
  ForecastCommand forecasts_;
  std::string forecast_form_ = "table";
  std::string pod_;
  std::string address_ = DemoCommand().address;
  std::string alertmanager_;
  bool check_ = false;
  std::map<std::string, std::string> filters_;  ///< by parameter; nodes of a map stay in place
  std::string server_;
  std::string key_file_, ca_file_;
  std::string patience_ = "5s", interval_ = "2s", output_ = "table", sort_ = "utilization";
  std::string limit_;
  bool watch_ = false, once_ = false, dry_run_ = false;
};

}  // namespace tessera::cli
