#include "cli/audit_verify.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/arguments_fleet.h"
#include "cli/fleet_server.h"

namespace tessera::cli {
namespace {

constexpr int kUsage = 2;
constexpr int kBroken = 1;

std::string sha256_hex(const std::string& bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

void add_netstring(std::string& bytes, const std::string& text) { bytes += fmt::format("{}:{},", text.size(), text); }

std::string text_in(const JsonValue& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_in(const JsonValue& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_number_integer() ? found->get<std::int64_t>() : -1;
}

std::string hash_of(const JsonValue& row, const std::string& before) {
  std::string bytes;
  add_netstring(bytes, before);
  add_netstring(bytes, std::to_string(number_in(row, "sequence")));
  add_netstring(bytes, std::to_string(number_in(row, "timeMs")));
  for (const char* name : {"actor", "action", "object", "result", "requestId", "peer", "detail"})
    add_netstring(bytes, text_in(row, name));
  return sha256_hex(bytes);
}

/// `expect`: SEQUENCE:HASH, or empty.
Result<AuditChain> verify(const ServerPlace& place, const std::string& expect) {
  AuditChain chain;
  if (!expect.empty()) {
    const auto colon = expect.find(':');
    const auto sequence = parse_int(expect.substr(0, colon));
    if (colon == std::string::npos || !sequence || *sequence < 1)
      return fail(Code::Invalid, "--expect '{}': SEQUENCE:HASH expected, as this command prints it", expect);
    chain.expect(*sequence, expect.substr(colon + 1));
  }
  FleetServer server = TRY(FleetServer::open(place));
  std::string cursor = "0";
  do {
    const auto reply = TRY(server.api("/audit", {{"limit", "1000"}, {"cursor", cursor}}, "application/json"));
    if (reply.status != 200) return problem_of(reply, server.api_url("/audit"));
    TRY(chain.add(reply.body));
    cursor = chain.next_cursor().value_or("");
  } while (!cursor.empty());
  TRY(chain.finish());
  return chain;
}

}  // namespace

Result<void> AuditChain::add(std::string_view page) {
  const JsonValue json = JsonValue::parse(page, nullptr, false);
  const auto items = json.is_object() ? json.find("items") : json.end();
  if (!json.is_object() || items == json.end() || !items->is_array() || !json.contains("headHash"))
    return fail(Code::NotFound, "this is no page of an audit log");
  if (!begun_ && number_in(json, "total") > 0) expect(number_in(json, "total"), text_in(json, "headHash"));
  begun_ = true;
  for (const JsonValue& row : *items) {
    const std::int64_t sequence = number_in(row, "sequence");
    const auto broken = [&](std::string_view why) {
      return fail(Code::Invalid, "the audit log is broken at row {} ({} {} by {}): {}", rows_ + 1,
                  harmless(text_in(row, "action")), harmless(text_in(row, "object")), harmless(text_in(row, "actor")),
                  why);
    };
    if (sequence != rows_ + 1) return broken(fmt::format("a row of the number {} stands in its place", sequence));
    std::string hash = hash_of(row, head_);
    if (hash != text_in(row, "hash")) return broken("it, or the one before, is not what was written");
    if (const auto noted = expected_.find(sequence); noted != expected_.end() && noted->second != hash)
      return broken("its hash is another than it was: the log has been written anew");
    head_ = std::move(hash);
    rows_ = sequence;
  }
  const auto cursor = json.find("nextCursor");
  next_cursor_ = cursor != json.end() && cursor->is_string() && !items->empty()
                     ? std::optional(cursor->get<std::string>())
                     : std::nullopt;
  return {};
}

Result<void> AuditChain::finish() const {
  for (const auto& [sequence, hash] : expected_)
    if (sequence > rows_)
      return fail(Code::Invalid, "the audit log is broken at row {}: it ends at {}, and had {} rows", rows_ + 1, rows_,
                  sequence);
  return {};
}

std::optional<int> run_audit_command(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] != "audit") return std::nullopt;
  CLI::App app("the fleet server's audit log", "tessera audit");
  app.require_subcommand(1);
  FleetArguments server;
  std::string expect;
  auto* check = app.add_subcommand("verify", "download it and check its chain of hashes: exit 1 where it is broken");
  server.add_asked_server(*check);
  check->footer("The key must have the scope admin.");
  check->add_option("--expect", expect, "a row's hash as it was noted before: the log must still have it")
      ->type_name("SEQUENCE:HASH");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend() - 1));
  } catch (const CLI::Success&) {
    std::fputs((check->parsed() ? check->help() : app.help()).c_str(), stdout);
    return EXIT_SUCCESS;
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "tessera: %s. See: tessera audit verify --help\n", error.what());
    return kUsage;
  }
  const auto place = server.place();
  const auto chain = place ? verify(*place, expect) : Result<AuditChain>(place.error());
  if (!chain) {
    std::fprintf(stderr, "tessera: %s\n", chain.error().what.c_str());
    return kBroken;
  }
  std::printf("%lld rows, each follows from the one before. Note the last for --expect: %lld:%s\n",
              static_cast<long long>(chain->rows()), static_cast<long long>(chain->rows()), chain->head().c_str());
  return EXIT_SUCCESS;
}

}  // namespace tessera::cli
