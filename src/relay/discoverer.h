#pragma once
// Finds targets for as long as it lives: fixed ones, files, HTTP endpoints, and the pods of Kubernetes clusters, each
// source on a thread of its own. Whenever one changes, all targets are told, at most a few times a second.
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "kube/watch.h"
#include "relay/config.h"
#include "relay/discover.h"
#include "relay/explainer.h"
#include "relay/options.h"
#include "relay/target.h"

namespace tessera::relay {

/// What a place where targets come from is doing.
struct SourceStatus {
  std::string what;     ///< "file /etc/targets.json", "pods of all namespaces"
  bool ready = false;   ///< has been read whole once
  std::string problem;  ///< of the last attempt; empty where it went well
  std::size_t targets = 0;
  std::optional<kube::WatchStats> watch{};
};

class Discoverer {
 public:
  /// All targets (those of other replicas too, once one has come or gone), and the jobs, by id, of which not every
  /// source has been read yet: they may have more.
  using Tell = std::function<void(std::vector<Target> targets, std::set<std::string> unread)>;

  /// Keys of the targets that were told and do not answer.
  using Silent = std::function<std::set<std::string>()>;

  /// `tell` is called on a thread of this, first when the sources that need no network have been read; so is `silent`,
  /// once a second where exporters of a node are elected by it. `config` outlives this.
  static std::unique_ptr<Discoverer> start(const Config& config, const Options& options, Tell tell, Silent silent = {});
  ~Discoverer();
  Discoverer(const Discoverer&) = delete;
  Discoverer& operator=(const Discoverer&) = delete;

  /// The replicas that are there from now on, as Share has them.
  void share_among(std::vector<unsigned> living);

  std::vector<SourceStatus> sources() const;
  /// Targets that were found and are not scraped, because another one makes them needless or a limit is exceeded.
  std::vector<Sifted::Dropped> dropped() const;
  /// Nodes whose dcgm-exporter is scraped because their agent is silent, and how often that began.
  struct Fallbacks {
    std::set<std::string> nodes;
    std::uint64_t begun = 0;
  };
  Fallbacks fallbacks() const;
  bool ready() const;  ///< every source has been read whole once, or has said why not

  /// What explains pods by the configuration that this discovers for.
  Explainer explainer() const { return {config_.jobs, service_account_}; }

 private:
  struct Found {
    SourceStatus status;
    std::set<std::string> jobs;                              ///< by id
    std::map<std::string, std::vector<TargetSpec>> targets;  ///< by what brought them: a pod, a group
  };
  /// Pods of one server and namespace, for every discovery that looks there with the same credentials.
  struct PodSource {
    std::size_t source;
    std::vector<std::pair<const Job*, const PodDiscovery*>> users;
    kube::WatchOptions watch;
  };

  Discoverer(const Config& config, const Options& options, Tell tell, Silent silent);
  std::size_t add_source(std::string what, const Job& job);
  void add_static(const Job& job, const StaticDiscovery& discovery);
  void add_file(const Job& job, const FileDiscovery& discovery);
  void add_http(const Job& job, const HttpDiscovery& discovery);
  void add_pods(const Job& job, const PodDiscovery& discovery, std::vector<PodSource>& pods);
  void watch(PodSource pods);
  void take_pod(const PodSource& pods, const kube::Event& event);

  void found(std::size_t source, const std::string& key, std::vector<TargetSpec> targets);
  void failed(std::size_t source, const std::string& why);
  void went_well(std::size_t source);
  void tell_changes(const std::stop_token& stop);
  std::set<std::string> who_is_silent() const;
  std::set<std::string> contested_of(const std::set<std::string>& agents) const;
  void note_fallbacks(const std::set<std::string>& nodes);
  std::vector<Target> sift(std::vector<TargetSpec> all, const Share& share);

  const Config& config_;
  const std::string service_account_;
  const Tell tell_;
  const Silent silent_;
  std::map<std::string, std::shared_ptr<const Job>> jobs_;  ///< by id
  std::string own_namespace_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Found> sources_;                               ///< guarded by mutex_
  Share share_;                                              ///< guarded by mutex_
  bool dirty_ = true;                                        ///< guarded by mutex_
  std::vector<Sifted::Dropped> dropped_;                     ///< guarded by mutex_
  Fallbacks fallbacks_;                                      ///< guarded by mutex_
  std::set<std::string> contested_, silent_now_;             ///< keys of agents; of the thread that tells
  std::vector<std::function<void(std::stop_token)>> roles_;  ///< what threads will do, once all sources are there
  std::vector<std::unique_ptr<kube::Watch>> watches_;
  std::vector<std::size_t> watch_sources_;  ///< of each watch
  std::vector<std::jthread> threads_;       // last: they use all of the above
};

}  // namespace tessera::relay
