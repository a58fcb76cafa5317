#include "relay/reports.h"

#include <cstdio>

#include "base/log.h"
#include "base/text.h"

namespace tessera::relay {
namespace {

Result<void> print(const Result<std::string>& text) {
  if (!text) return text.error();
  if (std::fwrite(text->data(), 1, text->size(), stdout) != text->size() || std::fflush(stdout) != 0)
    return fail(Code::Unavailable,
                "print: standard output does not take the text (disk full, or the reader closed the pipe)");
  return {};
}

}  // namespace

Result<void> check_config(const Options& options) {
  const auto text = config_summary(options);
  if (text) return print(text);
  const auto errors = split(text.error().what, '\n');
  if (errors.size() == 1) return text.error();
  for (const auto error : errors) log::error("configuration is wrong", {{"why", std::string(error)}});
  return fail(text.error().code, "{} parts of {} are wrong: see above", errors.size(), options.config);
}

Result<void> dry_run(const Options& options, const std::stop_token& stop) { return print(dry_run_page(options, stop)); }

Result<void> explain_pod(const Options& options, const std::stop_token& stop) {
  return print(pod_explanation(options, stop));
}

}  // namespace tessera::relay
