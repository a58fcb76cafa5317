#include "relay/scrape_weights.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "gpu/profile_name.h"
#include "gpu/weighting.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kMaxSlices = "DCGM_FI_DEV_MIG_MAX_SLICES";
constexpr std::string_view kMigMode = "DCGM_FI_DEV_MIG_MODE";
constexpr std::string_view kInstanceId = "GPU_I_ID";
constexpr std::string_view kProfile = "GPU_I_PROFILE";
/// By what a device is told from others; dcgm-exporter has written the host's name both ways.
constexpr std::string_view kIdentity[] = {"gpu", "UUID", "Hostname", "hostname"};

std::string_view label(const metrics::Sample& line, std::string_view name) {
  const auto at = std::ranges::find(line.labels, name, &metrics::Label::name);
  return at == line.labels.end() ? std::string_view() : at->value;
}

/// A field may be told as a metric or, where its CSV says so, as a label of all others.
std::optional<double> number_in_label(const metrics::Sample& line, std::string_view name) {
  const auto number = parse_int(label(line, name));
  return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

bool is_weight(double number) { return number >= 1 && std::isfinite(number) && number == std::floor(number); }

/// Of a name such as 1c.3g.40gb not: by dcgm-exporter's labels the parts of one instance cannot be told apart.
std::optional<unsigned> slices_of(std::string_view profile) {
  const auto name = gpu::find_profile_name(profile);
  if (!name || name->compute_slices != name->gpu_instance_slices) return std::nullopt;
  return name->gpu_instance_slices;
}

}  // namespace

void ScrapeWeights::Agreed::take(std::uint64_t on_page, double told) {
  if (page != on_page)
    value = told;
  else if (value && *value != told)
    value.reset();
  page = on_page;
}

void ScrapeWeights::Reading::take(std::uint64_t on_page, double told) {
  if (page == on_page) return;
  page = on_page;
  value = told;
}

std::uint32_t ScrapeWeights::make(std::string_view name, Labels labels) {
  made_.push_back({name, std::move(labels)});
  return static_cast<std::uint32_t>(made_.size() - 1);
}

std::uint32_t ScrapeWeights::device_of(const metrics::Sample& line, std::string_view uuid) {
  std::vector<Label> identity;
  for (const std::string_view name : kIdentity)
    if (const auto value = name == "UUID" ? uuid : label(line, name); !value.empty())
      identity.push_back({std::string(name), std::string(value)});
  Labels labels = to_labels(std::move(identity));
  const auto [at, is_new] = devices_by_labels_.try_emplace(labels, static_cast<std::uint32_t>(devices_.size()));
  if (!is_new) return at->second;
  Device& device = devices_.emplace_back();
  const auto made = [&](std::string_view over) {
    Labels all = labels;
    set_label(all, "over", over);
    set_label(all, "weight", gpu::weight_name(gpu::Weight::ComputeSlices));
    return make(kWeighted.name, std::move(all));
  };
  device.made_allocated = made("allocated");
  device.made_whole = made("device");
  device.labels = std::move(labels);
  return at->second;
}

std::uint32_t ScrapeWeights::instance_of(const metrics::Sample& line, std::uint32_t device, std::string_view id) {
  const std::string profile(label(line, kProfile));
  const auto [at, is_new] =
      instances_by_name_.try_emplace({device, std::string(id), profile}, static_cast<std::uint32_t>(instances_.size()));
  if (!is_new) return at->second;
  Labels labels = devices_[device].labels;
  set_label(labels, kInstanceId, id);
  if (!profile.empty()) set_label(labels, kProfile, profile);
  devices_[device].instances.push_back(at->second);
  instances_.push_back({std::string(id), slices_of(profile), make(kSlices.name, std::move(labels))});
  return at->second;
}

std::optional<std::uint32_t> ScrapeWeights::watch(const metrics::Sample& line) {
  static constexpr std::pair<std::string_view, Tells> kTelling[] = {
      {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", Tells::Activity},
      {"DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", Tells::Activity},
      {kMaxSlices, Tells::MaxSlices},
      {kMigMode, Tells::MigMode},
      {kSlices.name, Tells::OwnFamily},
      {kWeighted.name, Tells::OwnFamily}};
  const auto* const telling = std::ranges::find(kTelling, line.name, [](const auto& row) { return row.first; });
  Line known{telling == std::end(kTelling) ? Tells::Presence : telling->second};
  if (known.tells != Tells::OwnFamily) {
    const std::string_view uuid = label(line, "UUID"), id = label(line, kInstanceId);
    known.max_slices = number_in_label(line, kMaxSlices);
    known.mig_mode = number_in_label(line, kMigMode);
    const bool is_plain = known.tells == Tells::Presence && id.empty() && !known.max_slices && !known.mig_mode;
    // A UUID of an instance would not say which device it is a part of.
    if (is_plain || !line.name.starts_with("DCGM_FI_") || uuid.empty() || uuid.starts_with("MIG-")) return std::nullopt;
    known.device = device_of(line, uuid);
    if (!id.empty()) known.instance = instance_of(line, known.device, id);
  }
  lines_.push_back(known);
  return static_cast<std::uint32_t>(lines_.size() - 1);
}

void ScrapeWeights::note(std::uint32_t number, double value) {
  const Line& line = lines_[number];
  if (line.tells == Tells::OwnFamily) {
    has_own_ = page_;
    return;
  }
  Device& device = devices_[line.device];
  if (line.max_slices) device.max_slices.take(page_, *line.max_slices);
  if (line.mig_mode) device.mig_mode.take(page_, *line.mig_mode);
  if (line.instance) instances_[*line.instance].seen = page_;
  if (line.tells == Tells::MaxSlices) device.max_slices.take(page_, value);
  if (line.tells == Tells::MigMode) device.mig_mode.take(page_, value);
  if (line.tells == Tells::Activity)
    (line.instance ? instances_[*line.instance].activity : device.activity).take(page_, value);
}

/// A mean over a part of the instances would pass for one over all, so each needs its weight and its reading.
void ScrapeWeights::weigh(const Device& device, Page& page) const {
  std::vector<gpu::Share> shares;
  std::vector<std::string_view> ids;
  double slices = 0;
  bool all_weigh = true;
  for (const std::uint32_t number : device.instances) {
    const Instance& instance = instances_[number];
    if (instance.seen != page_) continue;
    ids.push_back(instance.id);
    if (instance.slices) page.samples.push_back({instance.made_slices, static_cast<double>(*instance.slices)});
    all_weigh = all_weigh && instance.slices;
    shares.push_back({instance.activity.on(page_), static_cast<double>(instance.slices.value_or(0))});
    slices += shares.back().weight;
  }
  std::ranges::sort(ids);
  const bool two_are_one = std::ranges::adjacent_find(ids) != ids.end();  // one id under two profiles
  if (!all_weigh || two_are_one) return;
  auto whole = device.max_slices.on(page_);
  if (shares.empty()) {  // one undivided piece, unless the page says that it is divided: then none of it is handed out
    const auto mode = device.mig_mode.on(page_);
    if (mode.value_or(0) != 0) return;
    shares.push_back({device.activity.on(page_), 1});
    if (whole || mode) whole = 1;
  } else if (whole && (!is_weight(*whole) || slices > *whole)) {
    whole.reset();
  }
  const auto allocated = gpu::allocated_mean(shares);
  if (!allocated || allocated->coverage != 1) return;
  page.clamped += allocated->clamped;
  page.samples.push_back({device.made_allocated, allocated->ratio});
  if (const auto mean = whole ? gpu::device_mean(shares, *whole) : std::nullopt)
    page.samples.push_back({device.made_whole, mean->ratio});
}

ScrapeWeights::Page ScrapeWeights::finish() {
  Page page;
  if (has_own_ == page_) return page;
  for (const Device& device : devices_) weigh(device, page);
  return page;
}

}  // namespace tessera::relay
