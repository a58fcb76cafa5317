// What a sender does with a request that does not go through as it is.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "relay/isolation.h"
#include "relay/request_body.h"
#include "relay/sender.h"

namespace tessera::relay {
namespace {

constexpr std::uint64_t kPatience = Isolation::kPatience;
constexpr std::size_t kMostCulprits = 64;  // remembered
constexpr std::uint64_t kMostRepeats = 5;  // that a small part waits for, once the receiver is known to be well

std::uint64_t samples_in(const wire::WriteRequest& request) {
  std::uint64_t sum = 0;
  for (const wire::Series& series : request.series) sum += series.samples.size();
  return sum;
}

wire::WriteRequest piece_of(const wire::WriteRequest& whole, Part part) {
  wire::WriteRequest piece;
  piece.series.assign(whole.series.begin() + static_cast<std::ptrdiff_t>(part.begin),
                      whole.series.begin() + static_cast<std::ptrdiff_t>(part.end));
  return piece;  // without the list of metadata, which comes again every minute
}

std::string shown_labels(const wire::Series& series) {
  std::string out;
  for (const auto& [name, value] : series.labels)
    fmt::format_to(std::back_inserter(out), "{}{}=\"{}\"", out.empty() ? "" : ",", name, value);
  return out.substr(0, 512);
}

/// Each series once, with all its samples: then no part can overtake another.
void merge_equal(std::vector<wire::Series>& all) {
  const auto before = [](const wire::Label& a, const wire::Label& b) {
    return std::tie(a.name, a.value) < std::tie(b.name, b.value);
  };
  const auto less = [&](const wire::Series* a, const wire::Series* b) {
    return std::ranges::lexicographical_compare(a->labels, b->labels, before);
  };
  std::vector<wire::Series> merged;
  merged.reserve(all.size());  // the map points into it
  std::map<const wire::Series*, wire::Series*, decltype(less)> places(less);
  for (wire::Series& series : all) {
    if (const auto known = places.find(&series); known != places.end()) {
      auto& [first, into] = *known;
      into->samples.insert(into->samples.end(), series.samples.begin(), series.samples.end());
      into->exemplars.insert(into->exemplars.end(), series.exemplars.begin(), series.exemplars.end());
      continue;
    }
    merged.push_back(std::move(series));
    places.emplace(&merged.back(), &merged.back());
  }
  all = std::move(merged);
}

}  // namespace

Sender::Fate Sender::settle(Parcel parcel) {
  Ordeal ordeal{.patience = culprits_.empty() ? kPatience : 1};
  for (;;) {
    const End end = send(parcel, ordeal);
    if (end == End::Taken || end == End::Gone) return Fate::Done;
    if (end == End::Stopped) return Fate::Stopped;
    const Fate fate = end == End::BadContent ? take_apart(parcel) : isolate(parcel, ordeal, end);
    if (fate != Fate::Left) return fate;
    ordeal.patience = (ordeal.equal / kPatience + 1) * kPatience;
  }
}

Parcel Sender::part_of(const wire::WriteRequest& whole, Part part, const Parcel& parcel) const {
  const wire::WriteRequest piece = piece_of(whole, part);
  const RequestKind kind = state_.kind_for(parcel.kind);
  return {kind, samples_in(piece), parcel.time, pack(kind, piece)};
}

// Series by series in halves. A stop in the middle leaves the whole record in the queue: its good parts are then sent
// again, which receivers take, because they are the same samples.
Sender::Fate Sender::take_apart(const Parcel& parcel) {
  const auto whole = unpack(parcel.kind, parcel.body);
  if (!whole) {
    state_.dropped("unreadable", parcel.samples, whole.error().what);
    return Fate::Done;
  }
  const bool indivisible = whole->series.empty() || (whole->series.size() == 1 && whole->metadata.empty());
  if (indivisible) {
    drop_culprit(whole->series.empty() ? nullptr : whole->series.data(), parcel.samples, End::BadContent);
    return Fate::Done;
  }
  Bisection parts(whole->series.size());
  while (const auto part = parts.next()) {
    if (parts.hopeless()) {
      const auto rest = piece_of(*whole, {part->begin, whole->series.size()});
      state_.dropped(fmt::format("status_{}", last_status_), samples_in(rest),
                     fmt::format("part after part was refused, so the rest is not tried: {}", last_reply_));
      break;
    }
    Parcel small = part_of(*whole, *part, parcel);
    Ordeal ordeal{.patience = kPatience};
    const End end = send(small, ordeal);
    if (end == End::Stopped) return Fate::Stopped;
    if (end != End::BadContent) {
      const bool through = end == End::Taken || end == End::Gone;
      if (!through && settle(std::move(small)) == Fate::Stopped) return Fate::Stopped;
      parts.taken();
    } else if (parts.refused() == Bisection::Refused::Culprit) {
      drop_culprit(&whole->series[part->begin], small.samples, end);
    }
  }
  return Fate::Done;
}

// What the receiver fails at is told from a receiver that fails by what else it takes. Nothing but that is dropped.
Sender::Fate Sender::isolate(Parcel& parcel, Ordeal& ordeal, End why) {
  auto whole = unpack(parcel.kind, parcel.body);
  if (!whole) {
    state_.dropped("unreadable", parcel.samples, whole.error().what);
    return Fate::Done;
  }
  merge_equal(whole->series);
  if (whole->series.empty() || (whole->series.size() == 1 && whole->metadata.empty())) {
    if (why != End::Poison) return Fate::Left;  // nothing in it to compare it with
    drop_culprit(whole->series.empty() ? nullptr : whole->series.data(), parcel.samples, why);
    return Fate::Done;
  }
  const std::size_t suspects = put_culprits_last(whole->series);
  if (why == End::Suspect && ordeal.equal < kPatience && suspects == 0) return Fate::Left;  // it may be a moment's
  Isolation parts(whole->series.size(), suspects, state_.successes());
  if (why == End::Poison) parts.prove();
  while (const auto part = parts.next()) {
    Parcel small = part_of(*whole, *part, parcel);
    const std::uint64_t repeats = parts.in_a_row();
    Ordeal once{.patience = 1, .repeats = parts.proven() ? std::min(repeats, kMostRepeats) : repeats};
    const End end = send(small, once);
    bool is_culprit = false;
    if (end == End::Stopped) return Fate::Stopped;
    if (end == End::Taken && part->size() == 1) std::erase(culprits_, whole->series[part->begin].labels);
    if (end == End::Taken || end == End::Gone)
      parts.taken();
    else
      is_culprit = end == End::BadContent ? parts.refused() : parts.failed(state_.successes());
    if (is_culprit) drop_culprit(&whole->series[part->begin], small.samples, end);
  }
  wire::WriteRequest rest;
  for (const Part part : parts.unsettled())
    std::ranges::move(piece_of(*whole, part).series, std::back_inserter(rest.series));
  if (rest.series.empty()) return Fate::Done;
  parcel = part_of(rest, {0, rest.series.size()}, parcel);
  ordeal = {.patience = kPatience};
  return Fate::Left;
}

/// How many of the series have been found to be culprits before.
std::size_t Sender::put_culprits_last(std::vector<wire::Series>& series) const {
  const auto culprits = std::ranges::partition(series, [this](const wire::Series& each) {
    return std::ranges::find(culprits_, each.labels) == culprits_.end();
  });
  return culprits.size();
}

/// Null where the request has no series.
void Sender::drop_culprit(const wire::Series* series, std::uint64_t samples, End why) {
  const std::string_view reason = why == End::BadContent ? "status" : "poison";
  state_.dropped(fmt::format("{}_{}", reason, last_status_), samples,
                 fmt::format("{{{}}}: {}", series ? shown_labels(*series) : "", last_reply_));
  if (!series || why == End::BadContent || std::ranges::find(culprits_, series->labels) != culprits_.end()) return;
  culprits_.push_back(series->labels);
  if (culprits_.size() > kMostCulprits) culprits_.pop_front();
}

}  // namespace tessera::relay
