#pragma once
// `tessera advice`: what could be had for less, what it stands on and what to do, as a server tells it; and what
// somebody makes of it.
#include <span>
#include <string>
#include <string_view>

#include "cli/cost.h"
#include "cli/fleet_server.h"

namespace tessera::cli {

/// What is done with one advice.
struct AdviceWord {
  std::string_view word;  ///< "snooze"; but for "show" the last part of the route that is asked
  std::string_view what;
  bool has_time = false, has_reason = false, needs_reason = false;
};
std::span<const AdviceWord> advice_words();

struct AdviceCommand {
  const AdviceWord* word = nullptr;  ///< null: list all
  std::string id;
  std::string reason, until, span;  ///< empty: none
  ServerPlace server;
  Parameters query;                 ///< of the list
  CostForm form = CostForm::Table;  ///< Csv of the list alone
};

/// A reply of /advice as a table.
std::string advice_table(const JsonValue& reply);
/// One: what it stands on, what to do and how to undo it.
std::string advice_text(const JsonValue& one);

/// What to print.
Result<std::string> run_advice(const AdviceCommand& command);

}  // namespace tessera::cli
