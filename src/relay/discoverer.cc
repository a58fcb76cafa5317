#include "relay/discoverer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "base/every.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "http/client.h"
#include "kube/pod.h"
#include "relay/api_servers.h"
#include "relay/discover_groups.h"
#include "relay/file_names.h"
#include "relay/http_settings.h"
#include "relay/share.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kSettle = 200ms;    // changes come in swarms: a deployment, the first list
constexpr Milliseconds kElect = 1s;        // how often it is looked whether agents answer
constexpr Milliseconds kLookAtFiles = 2s;  // at least that often, whatever the refresh interval
constexpr std::size_t kFileLimit = 16U << 20U;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

/// Empty: all.
std::vector<std::string> names_of(const Namespaces& namespaces, const std::string& own) {
  std::vector<std::string> names = namespaces.names;
  if (namespaces.own && std::ranges::count(names, own) == 0) names.push_back(own);
  return names;
}

std::size_t count_targets(const std::map<std::string, std::vector<TargetSpec>>& targets) {
  std::size_t count = 0;
  for (const auto& [key, list] : targets) count += list.size();
  return count;
}

}  // namespace

Discoverer::Discoverer(const Config& config, const Options& options, Tell tell, Silent silent)
    : config_(config),
      service_account_(options.service_account),
      tell_(std::move(tell)),
      silent_(std::move(silent)),
      own_namespace_(own_namespace(options.service_account)),
      share_(options.share) {
  for (const Job& job : config.jobs) jobs_.emplace(job.id, std::make_shared<const Job>(job));
}

std::unique_ptr<Discoverer> Discoverer::start(const Config& config, const Options& options, Tell tell, Silent silent) {
  std::unique_ptr<Discoverer> self(new Discoverer(config, options, std::move(tell), std::move(silent)));
  std::vector<PodSource> pods;
  for (const Job& job : config.jobs)
    for (const auto& discovery : job.discoveries)
      std::visit(Overloaded{[&](const StaticDiscovery& fixed) { self->add_static(job, fixed); },
                            [&](const FileDiscovery& file) { self->add_file(job, file); },
                            [&](const HttpDiscovery& http) { self->add_http(job, http); },
                            [&](const PodDiscovery& found) { self->add_pods(job, found, pods); }},
                 discovery);
  for (PodSource& source : pods) self->watch(std::move(source));
  self->roles_.emplace_back([raw = self.get()](const std::stop_token& stop) { raw->tell_changes(stop); });
  for (auto& role : self->roles_) self->threads_.emplace_back(std::move(role));
  return self;
}

Discoverer::~Discoverer() {
  watches_.clear();
  threads_.clear();
}

std::size_t Discoverer::add_source(std::string what, const Job& job) {
  sources_.push_back({});
  sources_.back().jobs.insert(job.id);
  sources_.back().status.what = std::move(what);
  return sources_.size() - 1;
}

// ---- What the sources tell ----

void Discoverer::found(std::size_t source, const std::string& key, std::vector<TargetSpec> targets) {
  const std::lock_guard lock(mutex_);
  auto& known = sources_[source].targets;
  const auto before = known.find(key);
  if (before == known.end() ? targets.empty() : before->second == targets) return;
  if (targets.empty())
    known.erase(before);
  else
    known[key] = std::move(targets);
  sources_[source].status.targets = count_targets(known);
  dirty_ = true;
  changed_.notify_all();
}

void Discoverer::failed(std::size_t source, const std::string& why) {
  std::string what;
  {
    const std::lock_guard lock(mutex_);
    SourceStatus& status = sources_[source].status;
    if (status.problem == why) return;
    status.problem = why;
    what = status.what;
  }
  log::warn("discovery failed, what it found before stays", {{"source", what}, {"why", why}});
}

void Discoverer::went_well(std::size_t source) {
  const std::lock_guard lock(mutex_);
  SourceStatus& status = sources_[source].status;
  if (!status.problem.empty()) log::info("discovery works again", {{"source", status.what}});
  status.problem.clear();
  if (status.ready) return;
  status.ready = true;
  dirty_ = true;
  changed_.notify_all();
}

// ---- The sources ----

void Discoverer::add_static(const Job& job, const StaticDiscovery& discovery) {
  const std::size_t source = add_source(fmt::format("targets of job {}", job.id), job);
  sources_[source].targets["static"] = walk_groups(job, discovery.groups, {}, "static").targets;
  sources_[source].status.targets = count_targets(sources_[source].targets);
  sources_[source].status.ready = true;
}

void Discoverer::add_file(const Job& job, const FileDiscovery& discovery) {
  const std::size_t source = add_source(fmt::format("files {}", fmt::join(discovery.files, ", ")), job);
  const auto read = [this, source, &job, &discovery, texts = std::map<std::string, std::string>()]() mutable {
    std::map<std::string, std::string> now;
    std::string problem;
    for (const std::string& pattern : discovery.files)
      for (const std::string& name : files_named(pattern)) {
        auto text = read_file(name, kFileLimit);
        auto groups = text ? parse_target_groups(*text, name, name.ends_with(".json"))
                           : Result<std::vector<TargetGroup>>(text.error());
        if (!groups) {
          problem = groups.error().what;
          if (const auto before = texts.find(name); before != texts.end()) now.insert(*before);
          continue;
        }
        const Labels meta = to_labels({{"__meta_filepath", name}});
        if (const auto before = texts.find(name); before == texts.end() || before->second != *text)
          found(source, name, walk_groups(job, *groups, meta, "file " + name).targets);
        now[name] = *std::move(text);
      }
    for (const auto& [name, text] : texts)
      if (!now.contains(name)) found(source, name, {});
    texts = std::move(now);
    problem.empty() ? went_well(source) : failed(source, problem);
  };
  roles_.emplace_back([read, period = std::min(discovery.refresh, kLookAtFiles)](const std::stop_token& stop) mutable {
    every(period, stop, read);
  });
}

void Discoverer::add_http(const Job& job, const HttpDiscovery& discovery) {
  const std::size_t source = add_source("endpoint " + discovery.url, job);
  const auto ask = [&discovery](http::Client& client, const std::stop_token& stop) -> Result<std::vector<TargetGroup>> {
    http::ClientRequest request;
    request.url = discovery.url;
    request.headers = {{"Accept", "application/json"},
                       {"User-Agent", "tessera-relay/" TESSERA_VERSION},
                       {"X-Prometheus-Refresh-Interval-Seconds",
                        fmt::format("{}", static_cast<double>(discovery.refresh.count()) / 1000)}};
    TRY(add_http_settings(discovery.http, request));
    request.stall_limit = request.deadline;
    std::string body;
    const auto take = [&body](std::string_view chunk) {
      body += chunk;
      return body.size() <= kFileLimit;
    };
    const http::ClientResponse reply = TRY(client.stream(request, take, stop));  // a stop does not wait for it
    if (body.size() > kFileLimit) return fail(Code::Invalid, "{}: more than {} bytes", discovery.url, kFileLimit);
    if (reply.status != 200)
      return fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", discovery.url, reply.status);
    if (!lower(reply.header("content-type")).starts_with("application/json"))
      return fail(Code::Invalid, "{}: content type '{}' (application/json expected)", discovery.url,
                  reply.header("content-type"));
    return parse_target_groups(body, discovery.url, true);
  };
  roles_.emplace_back([this, source, &job, &discovery, ask](const std::stop_token& stop) {
    http::Client client;
    every(discovery.refresh, stop, [&] {
      const auto groups = ask(client, stop);
      if (!groups) return failed(source, groups.error().what);
      const Labels meta = to_labels({{"__meta_url", discovery.url}});
      found(source, "endpoint", walk_groups(job, *groups, meta, "endpoint " + discovery.url).targets);
      went_well(source);
    });
  });
}

/// One watch for all discoveries that look into the same namespace of the same server with the same credentials,
/// however many jobs they serve.
void Discoverer::add_pods(const Job& job, const PodDiscovery& discovery, std::vector<PodSource>& pods) {
  auto names = names_of(discovery.namespaces, own_namespace_);
  if (names.empty()) names.emplace_back();
  for (const std::string& name : names) {
    const auto same = [&](const PodSource& source) {
      return source.watch.path == pods_path(name) && source.watch.field_selector == discovery.field_selector &&
             share_server(*source.users.front().second, discovery);
    };
    if (const auto known = std::ranges::find_if(pods, same); known != pods.end()) {
      known->users.emplace_back(&job, &discovery);
      sources_[known->source].jobs.insert(job.id);
      if (known->watch.label_selector != to_query(discovery.select)) known->watch.label_selector.clear();
      continue;
    }
    const std::string server = discovery.api_server.empty() ? "" : " of " + discovery.api_server;
    PodSource source;
    source.source = add_source((name.empty() ? "pods of all namespaces" : "pods of namespace " + name) + server, job);
    source.users.emplace_back(&job, &discovery);
    source.watch.path = pods_path(name);
    source.watch.label_selector = to_query(discovery.select);
    source.watch.field_selector = discovery.field_selector;
    pods.push_back(std::move(source));
  }
}

void Discoverer::watch(PodSource pods) {
  auto server = server_of(*pods.users.front().second, service_account_);
  if (!server) return failed(pods.source, server.error().what);
  watch_sources_.push_back(pods.source);
  watches_.push_back(std::make_unique<kube::Watch>(*std::move(server), pods.watch,
                                                   [this, pods](const kube::Event& event) { take_pod(pods, event); }));
}

void Discoverer::take_pod(const PodSource& pods, const kube::Event& event) {
  if (event.type == kube::Event::Type::Synced) return went_well(pods.source);
  if (event.type == kube::Event::Type::Deleted) return found(pods.source, event.key, {});
  const auto pod = kube::parse_pod(event.json);
  if (!pod) return failed(pods.source, fmt::format("pod {}: {}", event.key, pod.error().what));
  std::vector<TargetSpec> targets;
  for (const auto& [job, discovery] : pods.users)
    std::ranges::move(walk_pod(*job, *discovery, *pod, own_namespace_).targets, std::back_inserter(targets));
  found(pods.source, event.key, std::move(targets));
}

// ---- What is told ----

void Discoverer::tell_changes(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const bool elects = !contested_.empty() && contested_of(who_is_silent()) != silent_now_;
    std::vector<TargetSpec> all;
    Share share;
    std::set<std::string> unread;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, stop, kElect, [&] { return dirty_ || elects; })) continue;
      dirty_ = false;
      share = share_;
      for (const Found& source : sources_) {
        for (const auto& [key, targets] : source.targets) all.insert(all.end(), targets.begin(), targets.end());
        if (!source.status.ready) unread.insert(source.jobs.begin(), source.jobs.end());
      }
    }
    tell_(sift(std::move(all), share), std::move(unread));
    wait_until(std::chrono::steady_clock::now() + kSettle, stop);
  }
}

std::set<std::string> Discoverer::who_is_silent() const { return silent_ ? silent_() : std::set<std::string>(); }

std::set<std::string> Discoverer::contested_of(const std::set<std::string>& agents) const {
  std::set<std::string> out;
  std::ranges::set_intersection(agents, contested_, std::inserter(out, out.end()));
  return out;
}

void Discoverer::note_fallbacks(const std::set<std::string>& nodes) {
  std::set<std::string> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(fallbacks_.nodes, nodes);
    for (const auto& node : nodes) fallbacks_.begun += before.contains(node) ? 0 : 1;
  }
  for (const auto& node : nodes)
    if (!before.contains(node))
      log::warn("tessera-agent is silent: the node's dcgm-exporter is scraped until it answers", {{"node", node}});
  for (const auto& node : before)
    if (!nodes.contains(node)) log::info("the node's dcgm-exporter is needed no more", {{"node", node}});
}

/// Those of all targets that this replica scrapes; remembers why others were left out.
std::vector<Target> Discoverer::sift(std::vector<TargetSpec> all, const Share& share) {
  Sifted unequal = without_equal_labels(std::move(all));
  const std::set<std::string> silent = who_is_silent();  // asked once: what is remembered is what was judged by
  Sifted preferred = prefer_agent(std::move(unequal.kept), silent);
  contested_ = std::move(preferred.contested);
  silent_now_ = contested_of(silent);
  note_fallbacks(preferred.fallen_back);
  std::vector<Sifted::Dropped> dropped = std::move(unequal.dropped);
  std::ranges::move(preferred.dropped, std::back_inserter(dropped));
  std::map<std::string, std::size_t> of_job;
  for (const TargetSpec& spec : preferred.kept) ++of_job[spec.job_id];
  std::vector<Target> targets;
  for (TargetSpec& spec : preferred.kept) {
    const auto& job = jobs_.at(spec.job_id);
    if (const auto limit = job->scrape.limits.targets; limit && of_job[spec.job_id] > *limit) {
      const std::string why = fmt::format("target_limit: job {} has {} targets, {} are allowed; none is scraped",
                                          spec.job_id, of_job[spec.job_id], *limit);
      dropped.push_back({std::move(spec), why});
      continue;
    }
    const std::string shared_by = share_key(spec);
    Target target;
    target.job = job;
    target.labels = std::move(spec.labels);
    target.url = std::move(spec.url);
    target.interval = spec.interval;
    target.timeout = spec.timeout;
    target.origin = std::move(spec.origin);
    target.ours = is_ours(shared_by, share);
    const bool may_have_been_ours = !share.living.empty();  // before a replica came back
    if (target.ours || may_have_been_ours) targets.push_back(std::move(target));
  }
  const std::lock_guard lock(mutex_);
  dropped_ = std::move(dropped);
  return targets;
}

void Discoverer::share_among(std::vector<unsigned> living) {
  const std::lock_guard lock(mutex_);
  share_.living = std::move(living);
  dirty_ = true;
  changed_.notify_all();
}

std::vector<SourceStatus> Discoverer::sources() const {
  std::vector<SourceStatus> all;
  {
    const std::lock_guard lock(mutex_);
    for (const Found& source : sources_) all.push_back(source.status);
  }
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    SourceStatus& status = all[watch_sources_[i]];
    status.watch = watches_[i]->stats();
    if (status.problem.empty()) status.problem = status.watch->last_error;
  }
  return all;
}

Discoverer::Fallbacks Discoverer::fallbacks() const {
  const std::lock_guard lock(mutex_);
  return fallbacks_;
}

std::vector<Sifted::Dropped> Discoverer::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

bool Discoverer::ready() const {
  return std::ranges::all_of(sources(), [](const SourceStatus& s) { return s.ready || !s.problem.empty(); });
}

}  // namespace tessera::relay
