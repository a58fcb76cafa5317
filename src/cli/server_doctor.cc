#include "cli/server_doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

constexpr EpochMs kSkew = 2'000;
constexpr EpochMs kExpiresSoon = 7LL * 24 * 3'600'000;

std::uint64_t count_of(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

bool is_true(const JsonValue& row, std::string_view path) { return member(row, path) == true; }

Finding finding_of(const Error& error, const std::string& url) {
  const bool denied = error.code == Code::Denied;
  return {Status::Problem,
          url,
          harmless(error.what),
          denied ? "Show a key that may read: tessera doctor --server URL --key-file FILE."
                 : "Look whether tessera-server runs and what its log says; name its right address with --server URL.",
          {}};
}

Findings judge_database(const JsonValue& status, const std::string& url) {
  const std::string kind = text_cell(status, "database.kind");
  if (is_true(status, "database.failing"))
    return {{Status::Problem,
             url,
             fmt::format("the {} database takes nothing: {} tries failed, {} ended sessions wait", kind,
                         count_of(status, "database.failedSaves"), count_of(status, "database.unsaved")),
             "Nothing accepted is lost while the journal has room. The server's log says why; look for a full disk, a "
             "database that is down, or a password that changed.",
             {}}};
  const std::string saved = text_cell(status, "database.savedAt");
  return {{Status::Ok, url, fmt::format("{} database, saved last at {}", kind, saved), "", {}}};
}

/// A server of an earlier version does not say; then it is judged as one that leads.
bool follows(const JsonValue& status) { return member(status, "leads") == false; }

Findings judge_leadership(const JsonValue& status, const std::string& url) {
  if (!follows(status)) return {{Status::Ok, url, "this server takes samples in and saves them", "", {}}};
  const JsonValue& leader = member(status, "leader");
  if (!leader.is_string())
    return {
        {Status::Problem,
         url,
         "this server does not lead, and knows of none that does: nobody takes samples in",
         "Within ten seconds one should. If none does, the servers' logs say why: look whether the database answers.",
         {}}};
  const std::string where = harmless(leader.get<std::string>());
  return {{Status::Note,
           url,
           fmt::format("this server follows, {} leads: what is sent and what is saved is known there", where),
           "Ask the server that leads for its intake and its database, too.",
           {fmt::format("tessera doctor --server {}://{}", url.substr(0, url.find(':')), where)}}};
}

Findings judge_intake(const JsonValue& status, const std::string& url) {
  Findings out;
  const std::uint64_t refused = count_of(status, "ingest.refused");
  const std::uint64_t accepted = count_of(status, "ingest.requests");
  if (accepted == 0)
    out.push_back(
        {Status::Warning,
         url,
         "nothing has been sent since the server started",
         "Point a relay, a Prometheus (remote_write) or curl at it.",
         {fmt::format("curl --data-binary @page '{}'", "URL/k8s-monitor/api/v1/import/prometheus?node=NAME")}});
  else
    out.push_back({Status::Ok, url, fmt::format("{} requests accepted, {} refused", accepted, refused), "", {}});
  if (refused > 0)
    out.push_back({Status::Warning,
                   url,
                   fmt::format("{} requests with samples were refused; the last: {}", refused,
                               text_cell(status, "ingest.lastRefusal")),
                   "The sender's log says which of its requests; tessera_server_write_refused_requests_total counts "
                   "them by reason.",
                   {}});
  return out;
}

/// Of one that follows, too: it may still hold what it took in while it led.
Findings judge_journal(const JsonValue& status, const std::string& url) {
  if (const std::uint64_t dropped = count_of(status, "journal.droppedSamples"); dropped > 0)
    return {{Status::Problem,
             url,
             fmt::format("{} accepted samples left the journal before they were saved", dropped),
             "Its disk is full or rotten: give the folder --data more room.",
             {}}};
  return {{Status::Ok, url, "nothing left the journal before it was saved", "", {}}};
}

Findings judge_upstream(const JsonValue& status, const std::string& url) {
  if (!is_true(status, "metricsApi.configured"))
    return {{Status::Note,
             url,
             "no metrics API: prometheus.url is not set, so /k8s-monitor/prometheus answers nothing",
             "Set prometheus.url to the Prometheus-compatible engine that keeps raw series.",
             {}}};
  if (!is_true(status, "metricsApi.works"))
    return {{Status::Problem,
             url,
             fmt::format("the metrics API {} does not answer: {}", text_cell(status, "metricsApi.url"),
                         text_cell(status, "metricsApi.why")),
             "Check prometheus.url, and where it asks who comes prometheus.username with password-file, or "
             "bearer-token-file.",
             {}}};
  return {{Status::Ok, url, fmt::format("the metrics API {} answers", text_cell(status, "metricsApi.url")), "", {}}};
}

Findings judge_list(const JsonValue& list, const std::string& url, std::optional<EpochMs> now) {
  if (is_true(list, "connected")) return {};
  const std::string resource = text_cell(list, "resource");
  const JsonValue& why = member(list, "why");
  const auto as_of = time_of(list, "asOf");
  if (!why.is_string()) {
    if (as_of) return {};  // between two watches
    return {{Status::Note,
             url,
             fmt::format("the cluster's {} are being listed for the first time", resource),
             "Look again in a moment.",
             {}}};
  }
  const std::string behind = !as_of ? "were never watched"
                             : now  ? fmt::format("are {} behind", age_text(*now - *as_of))
                                    : "are behind";
  return {
      {Status::Problem,
       url,
       fmt::format("the cluster's {} {}: {}", resource, behind, harmless(why.get<std::string>())),
       "Rows show what was known before. Where it says 403, bind the role that docs/security.md lists to the server's "
       "account; else look whether the API server can be reached from its pod.",
       {fmt::format("kubectl auth can-i watch {} -A --as=system:serviceaccount:NAMESPACE:ACCOUNT", resource)}}};
}

Findings judge_cluster(const JsonValue& status, const std::string& url) {
  const JsonValue& cluster = member(status, "cluster");
  if (!cluster.is_object()) return {};  // of an earlier version
  if (!is_true(cluster, "watched"))
    return {{Status::Note,
             url,
             "no Kubernetes cluster is watched, so pods have no owners and teams, and nodes no labels",
             "Where the server runs in one, cluster-metadata.enabled: true says why it cannot.",
             {}}};
  Findings out;
  const auto now = time_of(status, "time");
  for (const JsonValue& list : member(cluster, "lists"))
    for (Finding& one : judge_list(list, url, now)) out.push_back(std::move(one));
  if (out.empty())
    out.push_back({Status::Ok,
                   url,
                   fmt::format("the cluster {} is watched, and nothing is behind", text_cell(cluster, "name")),
                   "",
                   {}});
  if (member(cluster, "resourceMetrics.works") == false)
    out.push_back({Status::Note,
                   url,
                   fmt::format("CPU and memory in use are not known: {}", text_cell(cluster, "resourceMetrics.why")),
                   "Where they are wanted, install metrics-server, and let the server's account get and list nodes and "
                   "pods of metrics.k8s.io.",
                   {"kubectl top nodes"}});
  return out;
}

}  // namespace

std::string_view server_checks_text() {
  return "With --server only the server is looked at:\n"
         "  server             does it answer, is it ready\n"
         "  keys               does it ask for keys, is ours good, and for how long\n"
         "  leadership         of servers that share a database: does it lead, or which one\n"
         "  database           is what it accepts saved (where it leads)\n"
         "  ingest             does anybody send, was anything refused (where it leads)\n"
         "  journal            was anything dropped before it was saved\n"
         "  metrics-api        does the engine behind prometheus.url answer\n"
         "  cluster            is the Kubernetes cluster watched: missing rights, lag, metrics.k8s.io\n"
         "  clock              is the server's clock ours\n"
         "  nodes              when was each node heard of last, is a node's clock ahead\n";
}

Findings judge_keys(const JsonValue& status, const JsonValue& me, const std::string& url, bool key_shown) {
  const JsonValue& asks = member(status, "access.asksForKeys");
  if (asks == false)
    return {{Status::Warning,
             url,
             "the server asks nobody for a key: whoever reaches it may read and send",
             "Fine on loopback; elsewhere make keys and set access up, as docs/security.md says.",
             {}}};
  if (!key_shown) return {{Status::Note, url, "no key was shown, and the server answered", "", {}}};
  const auto expires = time_of(me, "expires");
  const auto now = time_of(status, "time");
  if (!expires || !now) return {{Status::Ok, url, "the key is good", "", {}}};
  const std::string until = text_cell(me, "expires");
  if (*expires - *now > kExpiresSoon)
    return {{Status::Ok, url, fmt::format("the key is good until {}", until), "", {}}};
  return {{Status::Warning,
           url,
           fmt::format("the key expires in {}, at {}", age_text(*expires - *now), until),
           "Make another one, and put it where this one is read, before it does.",
           {"tessera-server keys create --data DIR --name NAME --scope SCOPE"}}};
}

Findings judge_clock(const JsonValue& status, const std::string& url, EpochMs now) {
  const auto theirs = time_of(status, "time");
  if (!theirs) return {};
  const EpochMs skew = *theirs - now;
  if (std::abs(skew) <= kSkew) return {{Status::Ok, url, "the server's clock is ours", "", {}}};
  return {{Status::Warning,
           url,
           fmt::format("the server's clock is {} {} ours", format_duration(Milliseconds(std::abs(skew))),
                       skew > 0 ? "ahead of" : "behind"),
           "One of the two is wrong: run a time service (chrony, systemd-timesyncd) on both.",
           {"timedatectl status", "chronyc tracking"}}};
}

Findings judge_nodes(const JsonValue& nodes, const std::string& url, EpochMs server_time) {
  const JsonValue& items = member(nodes, "items");
  std::vector<std::string> silent, ahead;
  std::size_t fine = 0;
  for (const JsonValue& node : items) {
    const std::string name = text_cell(node, "name");
    const std::string presence = text_cell(node, "presence");
    const auto seen = time_of(node, "lastSeen");
    if (presence == "stale" || presence == "missing")
      silent.push_back(fmt::format("{} ({} for {})", name, presence, age_cell(node, "lastSeen", server_time)));
    else if (seen && *seen > server_time + kSkew)
      ahead.push_back(fmt::format("{} ({})", name, format_duration(Milliseconds(*seen - server_time))));
    else
      ++fine;
  }
  Findings out;
  if (items.empty())
    out.push_back({Status::Warning,
                   url,
                   "no node is known",
                   "Nothing that tells of GPUs has come yet: look at the relay's targets.",
                   {"tessera get targets"}});
  if (fine > 0) out.push_back({Status::Ok, url, fmt::format("{} of {} nodes told lately", fine, items.size()), "", {}});
  if (!silent.empty())
    out.push_back({Status::Problem,
                   url,
                   fmt::format("silent: {}", named(silent)),
                   "Look whether the node is up, its agent runs and the relay scrapes it.",
                   {"tessera get targets", "kubectl -n tessera get pods -o wide"}});
  if (!ahead.empty())
    out.push_back({Status::Warning,
                   url,
                   fmt::format("clocks ahead of the server's: {}", named(ahead)),
                   "Samples from more than 10 minutes ahead are dropped: run a time service on these nodes.",
                   {}});
  return out;
}

Report judge_status(const JsonValue& status, const std::string& url) {
  struct Judge {
    std::string_view check;
    Findings (*judge)(const JsonValue&, const std::string&);
    bool of_leader;  ///< one that follows takes nothing in and saves nothing
  };
  static constexpr Judge kJudges[] = {{"leadership", judge_leadership, false}, {"database", judge_database, true},
                                      {"ingest", judge_intake, true},          {"journal", judge_journal, false},
                                      {"metrics-api", judge_upstream, false},  {"cluster", judge_cluster, false}};
  Report out;
  for (const Judge& one : kJudges) {
    if (one.of_leader && follows(status)) continue;
    if (Findings found = one.judge(status, url); !found.empty()) out.push_back({one.check, std::move(found)});
  }
  return out;
}

/// All pages of the list as one, the longest silent first.
Result<JsonValue> all_nodes(FleetServer& server) {
  JsonValue out;
  for (std::string cursor;;) {
    Parameters query = {{"limit", "1000"}, {"sort", "lastSeen,name"}};
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    JsonValue page = TRY(server.json("/gpu/nodes", query));
    const JsonValue next = member(page, "nextCursor");
    if (out.is_null())
      out = std::move(page);
    else
      for (JsonValue& one : page["items"]) out["items"].push_back(std::move(one));
    if (!next.is_string()) return out;
    cursor = next.get<std::string>();
  }
}

Diagnosis examine_server(const ServerPlace& place) {
  Diagnosis out;
  auto server = FleetServer::open(place);
  if (!server) {
    out.report.push_back({"server", {finding_of(server.error(), place.url)}});
    return out;
  }
  const std::string ready_url = server->root_url("/readyz");
  const auto ready = server->root("/readyz");
  if (!ready) {
    out.report.push_back({"server", {finding_of(ready.error(), ready_url)}});
    return out;
  }
  if (ready->status != 200)
    out.report.push_back({"server",
                          {{Status::Warning,
                            ready_url,
                            fmt::format("not ready: {}", harmless(ready->body)),
                            "It reads again what it had accepted; if that lasts, its log says why.",
                            {}}}});
  else
    out.report.push_back({"server", {{Status::Ok, ready_url, "ready", "", {}}}});
  const std::string url = server->api_url("/status");
  const EpochMs asked = now_epoch_ms();
  const auto status = server->json("/status");
  const EpochMs answered = now_epoch_ms();
  if (!status) {
    out.report.push_back({"keys", {finding_of(status.error(), url)}});
    return out;
  }
  const auto me = server->json("/access/whoami");
  out.report.push_back({"keys", judge_keys(*status, me ? *me : JsonValue(), url, !place.key_file.empty())});
  for (Section& one : judge_status(*status, url)) out.report.push_back(std::move(one));
  out.report.push_back({"clock", judge_clock(*status, url, asked + (answered - asked) / 2)});
  const std::string nodes_url = server->api_url("/gpu/nodes");
  const auto nodes = all_nodes(*server);
  out.report.push_back({"nodes", nodes ? judge_nodes(*nodes, nodes_url, time_of(*status, "time").value_or(answered))
                                       : Findings{finding_of(nodes.error(), nodes_url)}});
  return out;
}

}  // namespace tessera::cli
