#include "relay/targets_html.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kHead = R"(<!doctype html><html lang="en"><meta charset="utf-8">
<title>tessera-relay: targets</title><style>
body{font:14px/1.4 sans-serif;margin:1.5em}table{border-collapse:collapse;margin:.5em 0 1.5em}
th,td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;border-bottom:1px solid #ccc}
td.n{text-align:right}.down{color:#b00;font-weight:bold}.up{color:#060}
</style><h1>Targets</h1>
)";

/// What pages, pods and files said is text, never markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

void append_targets(std::string& out, const Overview& seen) {
  out +=
      "<table><tr><th>health<th>job<th>target<th>labels<th>last scrape<th>seconds<th>samples<th>kept<th>scrapes"
      "<th>failures<th>error</tr>\n";
  for (const auto& [target, status] : seen.targets) {
    const std::string_view health = name_of(status.health);
    out += fmt::format("<tr><td class=\"{}\">{}<td>{}<td>{}<br>{}<td>{}", health, health, escaped(target.job->name),
                       escaped(target.url), escaped(target.origin), escaped(shown(target.labels)));
    if (status.last_scrape)
      out += fmt::format("<td>{}<td class=\"n\">{:.3f}<td class=\"n\">{}<td class=\"n\">{}",
                         format_time(*status.last_scrape), status.duration_seconds, status.samples, status.kept);
    else
      out += "<td>–<td>–<td>–<td>–";
    out += fmt::format(
        "<td class=\"n\">{}<td class=\"n\">{}<td>{}</tr>\n", status.scrapes, status.failures,
        escaped(status.error.empty() && !status.unfit_note.empty() ? "left out: " + status.unfit_note : status.error));
  }
  out += "</table>\n";
}

void append_sources(std::string& out, const Overview& seen) {
  out += "<h2>Sources</h2><table><tr><th>source<th>state<th>targets</tr>\n";
  for (const SourceStatus& source : seen.sources)
    out += fmt::format("<tr><td>{}<td>{}<td class=\"n\">{}</tr>\n", escaped(source.what),
                       !source.problem.empty() ? escaped(source.problem)
                       : source.ready          ? "read"
                                               : "not read yet",
                       source.targets);
  out += "</table>\n";
}

void append_sharing(std::string& out, const Membership& sharing) {
  out += fmt::format("<h2>Replicas</h2><p>This is shard {} of {}, by the leases {}-0 and on. {}</p>\n", sharing.own,
                     sharing.members.size(), escaped(sharing.lease), escaped(sharing.problem));
  out += "<table><tr><th>shard<th>state<th>holder<th>last heard</tr>\n";
  for (const Member& member : sharing.members)
    out += fmt::format("<tr><td class=\"n\">{}<td>{}<td>{}<td>{}</tr>\n", member.shard, name_of(member),
                       escaped(member.holder), member.heard ? format_time(*member.heard) : "–");
  out += "</table>\n";
}

void append_dropped(std::string& out, const Overview& seen) {
  if (seen.dropped.empty() && seen.dropped_unshown == 0) return;
  out += "<h2>Found, not scraped</h2><table><tr><th>job<th>target<th>why</tr>\n";
  for (const auto& [target, why] : seen.dropped)
    out += fmt::format("<tr><td>{}<td>{}<br>{}<td>{}</tr>\n", escaped(target.job_id), escaped(target.url),
                       escaped(target.origin), escaped(why));
  out += "</table>\n";
  if (seen.dropped_unshown > 0) out += fmt::format("<p>and {} more (keep_dropped_targets)</p>\n", seen.dropped_unshown);
}

}  // namespace

std::string targets_html(const Overview& seen) {
  std::string out(kHead);
  append_targets(out, seen);
  append_sources(out, seen);
  if (seen.sharing) append_sharing(out, *seen.sharing);
  append_dropped(out, seen);
  return out + "</html>\n";
}

}  // namespace tessera::relay
