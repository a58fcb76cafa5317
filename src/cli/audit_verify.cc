#include "cli/audit_verify.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/grid.h"
#include "base/text.h"
#include "http/client.h"

namespace tessera::cli {
namespace {

using JsonValue = nlohmann::json;

constexpr int kUsage = 2;
constexpr int kBroken = 1;
constexpr std::size_t kLongestKey = 64U << 10U;

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

struct Command {
  std::string server = "http://127.0.0.1:8080";
  std::string key_file;
  std::string ca_file;
  std::string expect;  ///< SEQUENCE:HASH
};

/// `http://HOST:PORT`, or with the server's context path where that is another.
std::string audit_url(std::string server) {
  while (server.ends_with('/')) server.pop_back();
  const auto scheme = server.find("://");
  const bool has_path = scheme != std::string::npos && server.find('/', scheme + 3) != std::string::npos;
  return server + (has_path ? "" : "/k8s-monitor") + "/api/v1/audit";
}

Result<std::string> read_key(const Command& command) {
  if (!command.key_file.empty()) return std::string(trim(TRY(read_file(command.key_file, kLongestKey))));
  const char* value = std::getenv("TESSERA_API_KEY");
  return std::string(value ? trim(value) : std::string_view());
}

Result<AuditChain> verify(const Command& command) {
  AuditChain chain;
  if (!command.expect.empty()) {
    const auto colon = command.expect.find(':');
    const auto sequence = parse_int(command.expect.substr(0, colon));
    if (colon == std::string::npos || !sequence || *sequence < 1)
      return fail(Code::Invalid, "--expect '{}': SEQUENCE:HASH expected, as this command prints it", command.expect);
    chain.expect(*sequence, command.expect.substr(colon + 1));
  }
  http::Client client;
  http::ClientRequest request;
  request.ca_file = command.ca_file;
  if (const std::string key = TRY(read_key(command)); !key.empty())
    request.home_headers = {{"Authorization", "Bearer " + key}};
  const std::string url = audit_url(command.server);
  std::string cursor = "0";
  do {
    request.url = fmt::format("{}?limit=1000&cursor={}", url, cursor);
    const auto reply = TRY(client.send(request));
    if (reply.status == 401 || reply.status == 403)
      return fail(Code::Denied, "{}: HTTP status {}: a key with the scope admin is needed: --key-file FILE", url,
                  reply.status);
    if (reply.status != 200) return fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", url, reply.status);
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
  Command command;
  auto* check = app.add_subcommand("verify", "download it and check its chain of hashes: exit 1 where it is broken");
  check->add_option("--server", command.server, "URL of the server [http://127.0.0.1:8080]")->type_name("URL");
  check->add_option("--key-file", command.key_file, "file with an API key of the scope admin [$TESSERA_API_KEY]")
      ->type_name("FILE");
  check->add_option("--ca-file", command.ca_file, "whom the server's certificate is held against [the system's]")
      ->type_name("FILE");
  check->add_option("--expect", command.expect, "a row's hash as it was noted before: the log must still have it")
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
  const auto chain = verify(command);
  if (!chain) {
    std::fprintf(stderr, "tessera: %s\n", chain.error().what.c_str());
    return kBroken;
  }
  std::printf("%lld rows, each follows from the one before. Note the last for --expect: %lld:%s\n",
              static_cast<long long>(chain->rows()), static_cast<long long>(chain->rows()), chain->head().c_str());
  return EXIT_SUCCESS;
}

}  // namespace tessera::cli
