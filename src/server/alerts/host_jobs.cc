#include "server/alerts/host_jobs.h"

#include <re2/re2.h>

#include <algorithm>

namespace tessera::server {

Result<HostJobs> HostJobs::of(const std::vector<std::string>& patterns) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  HostJobs out;
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) return fail(Code::Invalid, "'': a regular expression of commands expected, as python.*");
    auto compiled = std::make_shared<const re2::RE2>(pattern, options);
    if (!compiled->ok())
      return fail(Code::Invalid, "'{}': no regular expression (RE2's syntax): {}", pattern, compiled->error());
    out.patterns_.push_back(std::move(compiled));
  }
  return out;
}

bool HostJobs::contain(std::string_view command) const {
  const re2::StringPiece text(command.data(), command.size());
  return !command.empty() &&
         std::ranges::any_of(patterns_, [&](const auto& one) { return re2::RE2::FullMatch(text, *one); });
}

}  // namespace tessera::server
