#include "relay/scrape.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "relay/http_settings.h"
#include "wire/staleness.h"

namespace tessera::relay {
namespace {

/// About the target itself, in the order of the rows of `about_`.
constexpr std::array<std::string_view, 5> kAbout = {"up", "scrape_duration_seconds", "scrape_samples_scraped",
                                                    "scrape_samples_post_metric_relabeling", "scrape_series_added"};

constexpr std::uint64_t kAboutEpoch = 1, kOwedEpoch = 2;  // of the tables that about_outlets_ meet

/// A stale marker for each of the first rows of a table.
std::vector<ScrapedSample> ends_of(std::uint32_t rows) {
  std::vector<ScrapedSample> ends;
  for (std::uint32_t row = 0; row < rows; ++row) ends.push_back({row, wire::stale_marker()});
  return ends;
}

/// To undo zstd costs half of what gzip does, and is said to be better because equals get gzip from Go's exporters.
/// Plain pages would cost less here, but five times the bytes between the nodes: that is for the configuration to say.
constexpr const char* kPacked = "zstd, gzip;q=0.5";

struct Spoken {
  ScrapeProtocol protocol;
  std::string_view media_type;
  metrics::Format format;
};
constexpr Spoken kSpoken[] = {
    {ScrapeProtocol::OpenMetrics1_0_0, "application/openmetrics-text;version=1.0.0", metrics::Format::OpenMetrics},
    {ScrapeProtocol::OpenMetrics0_0_1, "application/openmetrics-text;version=0.0.1", metrics::Format::OpenMetrics},
    {ScrapeProtocol::PrometheusText0_0_4, "text/plain;version=0.0.4", metrics::Format::Text},
};

const Spoken& spoken(ScrapeProtocol protocol) {
  return *std::ranges::find_if(kSpoken, [&](const Spoken& known) { return known.protocol == protocol; });
}

/// The preferred first, each a tenth below the one before, and last whatever there is.
std::string accept(const std::vector<ScrapeProtocol>& protocols) {
  std::string header;
  std::size_t quality = protocols.size() + 1;
  for (const ScrapeProtocol protocol : protocols)
    header += fmt::format("{};q=0.{},", spoken(protocol).media_type, quality--);
  return header + "*/*;q=0.1";
}

/// dcgm-exporter says text/plain and nothing more, others say nothing: what is no format that we know is the fallback.
metrics::Format format_of(std::string_view content_type, ScrapeProtocol fallback) {
  const std::string type = lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type == "application/openmetrics-text") return metrics::Format::OpenMetrics;
  return type == "text/plain" ? metrics::Format::Text : spoken(fallback).format;
}

/// The limit that the reader's word on a page is about: "line 3, column 1: label_limit: a has 3 labels, …".
std::optional<std::size_t> limit_of(std::string_view why) {
  if (why.starts_with("line ")) why.remove_prefix(std::min(why.find(": "), why.size() - 2) + 2);
  for (std::size_t i = 0; i < kPageLimits.size(); ++i)
    if (why.starts_with(kPageLimits[i]) && why.substr(kPageLimits[i].size()).starts_with(": ")) return i;
  return std::nullopt;
}

SeriesRules rules_of(const Target& target, const Labels& external) {
  const ScrapeSettings& settings = target.job->scrape;
  return {target.labels,
          settings.honor_labels,
          settings.honor_timestamps,
          settings.track_timestamps_staleness,
          settings.metric_relabel,
          external,
          settings.limits,
          settings.derive_gpu_weights};
}

}  // namespace

Scrape::Scrape(Target target, const Labels& external, const std::vector<Way>& ways)
    : target_(std::move(target)), cache_(std::make_unique<ScrapeCache>(rules_of(target_, external))) {
  for (const std::string_view name : kAbout) about_.add(target_series_labels(name, cache_->rules()), name);
  send_to(ways);
  status_.answered = std::chrono::steady_clock::now();
}

void Scrape::send_to(const std::vector<Way>& ways) {
  outlets_.clear();
  about_outlets_.clear();
  for (const auto& [destination, batch] : ways) {
    outlets_.emplace_back(*destination, *batch);
    about_outlets_.emplace_back(*destination, *batch);
  }
}

bool Scrape::is_for(const Target& target, const Labels& external) const {
  return target_.url == target.url && target_.labels == target.labels && target_.interval == target.interval &&
         target_.timeout == target.timeout && cache_->rules().external == external &&
         (target_.job == target.job || target_.job->scrape == target.job->scrape);
}

TargetStatus Scrape::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Scrape::take_over(const Scrape& before) {
  told_health_ = before.told_health_;
  cache_->take_over(*before.cache_);
  status_.answered = before.status().answered;
  for (std::uint32_t row = 0; row < before.owed_about_.size(); ++row)
    owed_about_.add(before.owed_about_.labels(before.owed_about_[row]), "");
  if (!before.told_of_itself_) return;
  told_of_itself_ = true;
  for (std::uint32_t row = 0; row < about_.size(); ++row) {
    const Labels other = before.about_.labels(before.about_[row]);
    if (other == about_.labels(about_[row])) continue;
    owed_about_.add(other, kAbout[row]);
    told_of_itself_ = false;
  }
}

/// Rows about the target that had other labels before a change of configuration.
void Scrape::end_owed(SteadyTime now) {
  const std::vector<ScrapedSample> ends = ends_of(owed_about_.size());
  for (Outlet& outlet : about_outlets_) outlet.deliver({owed_about_, kOwedEpoch, ends, {}, {}, time_}, now);
  owed_about_ = {};
}

/// Made once, unless it reads files.
Result<void> Scrape::make_request() {
  const ScrapeSettings& settings = target_.job->scrape;
  if (request_ && !reads_files(settings.http)) return {};
  request_.reset();
  http::ClientRequest request;
  request.url = target_.url;
  request.deadline = target_.timeout;
  request.max_body_bytes = settings.limits.body_bytes.value_or(SIZE_MAX / 2);
  request.headers = {
      {"Accept", accept(settings.protocols)},
      {"User-Agent", "tessera-relay/" TESSERA_VERSION},
      {"X-Prometheus-Scrape-Timeout-Seconds", fmt::format("{}", static_cast<double>(target_.timeout.count()) / 1000)}};
  request.headers.emplace_back("Accept-Encoding", settings.compression ? kPacked : "identity");
  TRY(add_http_settings(settings.http, request));
  request_ = std::move(request);
  return {};
}

void Scrape::start(http::FetchLoop& loop, EpochMs time) {
  if (running_) {
    const std::lock_guard lock(mutex_);
    ++status_.missed;
    return;
  }
  running_ = true;
  reading_ = false;
  time_ = time;
  refused_.reset();
  unread_.clear();
  const auto made = make_request();
  if (made) return loop.start(*request_, *this);
  const SteadyTime now = std::chrono::steady_clock::now();
  done(made.error(), {now, now, 0, 0});
}

void Scrape::passed_over(std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  status_.missed += times;
}

bool Scrape::begin(const http::FetchReply& reply) {
  if (reply.status != 200) {
    refused_ = fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", target_.url, reply.status);
    return false;
  }
  reading_ = true;
  cache_->begin(format_of(reply.content_type, target_.job->scrape.fallback), time_);
  return true;
}

bool Scrape::body(std::string_view piece) {
  const auto taken = cache_->feed(piece);
  if (taken) return true;
  unread_ = taken.error().what;
  refused_ = fail(taken.error().code, "{}: {}", target_.url, unread_);
  return false;
}

Result<ScrapedPage> Scrape::finish(const Result<http::FetchReply>& reply) {
  if (refused_) return *refused_;
  if (!reply) return reply.error();
  if (!reading_) return fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", target_.url, reply->status);
  auto page = cache_->finish();
  if (page) return page;
  unread_ = page.error().what;
  return fail(page.error().code, "{}: {}", target_.url, unread_);
}

void Scrape::done(const Result<http::FetchReply>& reply, const http::FetchTimes& times) {
  running_ = false;
  auto good = finish(reply);
  const bool up = static_cast<bool>(good);
  const std::string error = up ? "" : good.error().what;
  const ScrapedPage page = up ? *std::move(good) : cache_->fail_page();
  deliver(page, times.ended);
  if (!up) cache_->forget();  // a page that was refused for its size is not kept until the next one
  tell_target(up, std::chrono::duration<double>(times.ended - times.started).count(), page, times.ended);
  tell_all(page, error, times);
  tell_change(error, times.ended);
}

void Scrape::deliver(const ScrapedPage& page, SteadyTime now) {
  std::vector<ScrapedSample> ends;
  ends.reserve(page.stale.size());
  for (const std::uint32_t series : page.stale) ends.push_back({series, wire::stale_marker()});
  for (Outlet& outlet : outlets_) {
    outlet.deliver({cache_->table(), cache_->epoch(), page.samples, page.times, page.exemplars, time_}, now);
    outlet.deliver({cache_->table(), cache_->epoch(), ends, {}, {}, time_}, now);
  }
}

void Scrape::tell_target(bool up, double seconds, const ScrapedPage& page, SteadyTime now) {
  const std::array<double, kAbout.size()> values = {up ? 1.0 : 0.0, seconds, static_cast<double>(page.scraped),
                                                    static_cast<double>(page.samples.size()),
                                                    static_cast<double>(page.added)};
  if (owed_about_.size() > 0) end_owed(now);
  told_of_itself_ = true;
  std::array<ScrapedSample, kAbout.size()> samples{};
  for (std::uint32_t i = 0; i < samples.size(); ++i) samples[i] = {i, values[i]};
  for (Outlet& outlet : about_outlets_) outlet.deliver({about_, kAboutEpoch, samples, {}, {}, time_}, now);
}

void Scrape::leave(EpochMs time) {
  time_ = time;
  const SteadyTime now = std::chrono::steady_clock::now();
  deliver(cache_->fail_page(), now);
  if (owed_about_.size() > 0) end_owed(now);
  if (!told_of_itself_) return;
  const std::vector<ScrapedSample> ends = ends_of(about_.size());
  for (Outlet& outlet : about_outlets_) outlet.deliver({about_, kAboutEpoch, ends, {}, {}, time_}, now);
}

void Scrape::tell_change(const std::string& error, SteadyTime now) {
  const Health health = error.empty() ? Health::Up : Health::Down;
  const Health before = std::exchange(told_health_, health);
  if (!health_log_ || health == before) return;
  if (health == Health::Down) health_log_->went_down(target_, error, now);
  if (before == Health::Down) health_log_->came_up(target_, now);
}

/// Needs mutex_.
void Scrape::count_refused(bool too_long) {
  const auto limit = too_long ? std::optional<std::size_t>(0) : limit_of(unread_);
  if (limit) ++status_.refused[*limit];
}

void Scrape::tell_all(const ScrapedPage& page, const std::string& error, const http::FetchTimes& times) {
  const std::lock_guard lock(mutex_);
  status_.health = error.empty() ? Health::Up : Health::Down;
  status_.error = error;
  if (error.empty()) status_.answered = times.ended;
  status_.last_scrape = time_;
  status_.duration_seconds = std::chrono::duration<double>(times.ended - times.started).count();
  status_.body_bytes = times.body_bytes;
  status_.samples = page.scraped;
  status_.kept = page.samples.size();
  status_.samples_of_all += page.scraped;
  ++status_.scrapes;
  status_.failures += error.empty() ? 0 : 1;
  count_refused(times.too_long);
  status_.duplicates += page.duplicates;
  status_.too_far_ahead += page.too_far_ahead;
  status_.unfit += page.unfit;
  status_.unfit_note = page.unfit_note;
  status_.clamped += page.clamped;
  status_.collisions = 0;
  for (Outlet& outlet : outlets_) {
    status_.collisions += outlet.collisions();
    status_.unfit += outlet.take_unfit();
  }
}

}  // namespace tessera::relay
