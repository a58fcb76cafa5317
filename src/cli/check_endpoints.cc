// Who really serves the numbers: node_exporter and tessera-agent, asked over HTTP.
#include <algorithm>

#include "base/text.h"
#include "cli/checks.h"
#include "cli/textfile_folder.h"
#include "http/client.h"

namespace tessera::cli {
namespace {

constexpr std::size_t kPageLimit = 64U << 20U;

std::string joined(std::string base, std::string_view path) {
  while (base.ends_with('/')) base.pop_back();
  return base + std::string(path);
}

Result<http::ClientResponse> get(const Node& node, const std::string& url) {
  http::ClientRequest request;
  request.url = url;
  request.deadline = node.patience;
  request.max_body_bytes = kPageLimit;
  return http::Client().send(request);
}

/// Nobody there is the usual case, and needs no more words than that.
std::string silence(std::string_view who, const std::string& why) {
  if (why.find("refused") != std::string::npos) return fmt::format("no {} listens there", who);
  return fmt::format("{} does not answer: {}", who, why);
}

std::size_t gpu_series(std::string_view page) {
  std::size_t count = 0;
  for (const auto line : split(page, '\n'))
    if (line.starts_with("gpu_")) ++count;
  return count;
}

bool textfile_failed(std::string_view page) {
  for (const auto line : split(page, '\n'))
    if (line.starts_with("node_textfile_scrape_error ")) return trim(line.substr(line.find(' '))) != "0";
  return false;
}

/// Whether the folder on disk would have node_exporter serve some.
bool holds_gpu_series(const std::filesystem::path& folder) {
  std::error_code unreadable;
  return std::ranges::any_of(prom_files(folder, unreadable), [](const PromFile& f) { return !f.families.empty(); });
}

Finding serves_none(const Node& node, const std::string& url, std::string_view page) {
  const auto folder = textfile_folder(node);
  const bool written = folder && holds_gpu_series(folder->path);
  const bool collector = page.find("node_textfile_scrape_error") != std::string_view::npos;
  if (!collector)
    return {Status::Warning,
            url,
            "its textfile collector is off: it serves no gpu_ series",
            "Start node_exporter with the folder named.",
            {fmt::format("node_exporter --collector.textfile.directory={}",
                         folder ? folder->path.string() : "/var/lib/node_exporter/textfile_collector")}};
  if (written)
    return {Status::Warning,
            url,
            fmt::format("no gpu_ series, though {} holds some", folder->path.string()),
            "It reads another folder: compare its flag --collector.textfile.directory with the agent's --textfile.",
            {"ps -o args= -C node_exporter,prometheus-node-exporter"}};
  return {Status::Note,
          url,
          "node_exporter serves no gpu_ series",
          "Needed only where sessions are to come through node_exporter: let the agent write into its folder.",
          {fmt::format("tessera-agent --textfile {}/gpu_sessions.prom",
                       folder ? folder->path.string() : "/var/lib/prometheus/node-exporter")}};
}

}  // namespace

Findings check_node_exporter(const Node& node) {
  const auto url = joined(node.at.node_exporter, "/metrics");
  const auto page = get(node, url);
  if (!page)
    return {{Status::Note,
             url,
             silence("node_exporter", page.error().what),
             "Needed only where sessions are to come through node_exporter; if it runs elsewhere, name it with "
             "--node-exporter URL.",
             {"systemctl status prometheus-node-exporter"}}};
  if (page->status != 200)
    return {{Status::Warning,
             url,
             fmt::format("answers with HTTP status {}", page->status),
             "Something else listens there, or it wants a password: name the right place with --node-exporter URL.",
             {"curl -s " + url + " | head"}}};
  Findings out;
  if (textfile_failed(page->body))
    out.push_back({Status::Warning,
                   url,
                   "node_textfile_scrape_error is 1: it could not read a textfile, and drops that file",
                   "Its log names the file and the line; see also textfile above.",
                   {"journalctl -u prometheus-node-exporter -n 50"}});
  if (const auto count = gpu_series(page->body); count > 0)
    out.push_back({Status::Ok, url, fmt::format("serves {} gpu_ series", count), "", {}});
  else
    out.push_back(serves_none(node, url, page->body));
  return out;
}

Findings check_agent(const Node& node) {
  const auto url = joined(node.at.agent, "/readyz");
  const auto ready = get(node, url);
  if (!ready)
    return {{Status::Note,
             url,
             silence("tessera-agent", ready.error().what),
             "Start it, or name its address with --agent URL.",
             {"systemctl enable --now tessera-agent"}}};
  const std::string body(trim(std::string_view(ready->body).substr(0, 300)));
  if (ready->status == 200) return {{Status::Ok, url, "tessera-agent is ready, its last collection is fresh", "", {}}};
  if (ready->status == 503)
    return {{Status::Problem,
             url,
             fmt::format("tessera-agent runs, but is not ready: {}", body),
             "The reason is the agent's own; its log says more.",
             {"journalctl -u tessera-agent -n 50"}}};
  if (ready->status == 401 || ready->status == 403)
    return {{Status::Note,
             url,
             fmt::format("answers, but wants credentials (HTTP status {})", ready->status),
             "Ask it with the user of its --web-config-file.",
             {"curl -u USER " + url}}};
  return {{Status::Warning,
           url,
           fmt::format("HTTP status {}: this is not tessera-agent (dcgm-exporter has the same default port)",
                       ready->status),
           "Name the agent's address with --agent URL, or give it a port of its own.",
           {"ss -ltnp 'sport = :9400'", "tessera-agent --address :9401"}}};
}

}  // namespace tessera::cli
