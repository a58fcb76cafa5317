#pragma once
// `tessera audit verify`: whether the server's audit log is whole. The chain is computed here anew, from what the API's
// document says of it and with no code of the server's, so that a mistake there does not hide itself.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::cli {

/// Rows in their order, as pages of GET /audit bring them.
class AuditChain {
 public:
  /// A page's JSON. Invalid, with the row, where the chain breaks; NotFound where it is no page of an audit log.
  Result<void> add(std::string_view page);
  /// After the last page: whether the log ends no sooner than it said at the beginning.
  Result<void> finish() const;

  const std::optional<std::string>& next_cursor() const { return next_cursor_; }  ///< nullopt after the last page
  std::int64_t rows() const { return rows_; }
  const std::string& head() const { return head_; }  ///< hash of the last row
  /// The hash of an earlier row must be this one, noted at an earlier time.
  void expect(std::int64_t sequence, std::string hash) { expected_[sequence] = std::move(hash); }

 private:
  std::int64_t rows_ = 0;
  std::string head_;
  std::map<std::int64_t, std::string> expected_;
  bool begun_ = false;
  std::optional<std::string> next_cursor_;
};

/// The exit status; nullopt where the first argument is not `audit`.
std::optional<int> run_audit_command(const std::vector<std::string>& arguments);

}  // namespace tessera::cli
