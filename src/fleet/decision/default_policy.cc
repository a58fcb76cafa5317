#include "fleet/decision/default_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "fleet/decision/options.h"
#include "fleet/decision/room_value.h"

namespace tessera::fleet::decision {
namespace {

/// What beside its room a place costs a workload of a type, in thousandths of the device, or of the share.
struct Habits {
  double create_milli;   ///< it waits until the instance is there
  double destroy_milli;  ///< of each idle instance that goes, which somebody may want again
  double sharing_milli;  ///< others are in its memory
  double part_milli;     ///< it gets an instance, and not the device alone
  double busy_milli;     ///< of all slices of the device, as far as others are at work on them beside it
  double lent_milli;     ///< its node may be taken away (spot)
  double room_weight;    ///< how much the room of an instance counts against all this
};
constexpr std::array<Habits, kWorkloadTypes> kHabits = {{
    {5, 10, 1000, 300, 0, 500, 1},  // Training: devices of its own, which nobody takes away
    {5, 10, 500, 0, 0, 250, 1},     // Inference: an instance that leaves as much room as can be
    {5, 10, 0, 0, 0, 0, 2},         // Batch: what is left over, and what may be taken away
    {20, 20, 0, 0, 400, 250, 1},    // Interactive: at once, and where nobody else is at work
}};

/// An hour of the device where nobody has told its price: by its memory, so that a larger one costs more.
constexpr double kGibPrice = 0.03;

double hour(const Candidate& candidate) {
  if (candidate.price_micros) return static_cast<double>(*candidate.price_micros) / 1e6;
  constexpr double kGib = 1024.0 * 1024 * 1024;
  return kGibPrice * static_cast<double>(candidate.memory_bytes.value_or(0)) / kGib;
}

/// What the option's room is worth, by the table of its device's profiles.
class RoomValues {
 public:
  explicit RoomValues(Mix mix) : mix_(std::move(mix)) {}
  const Mix& mix() const { return mix_; }

  /// Of an instance.
  double lost_milli(const Option& option) {
    const Candidate& on = *option.candidate;
    auto found = values_.find(on.profiles);
    if (found == values_.end()) found = values_.emplace(on.profiles, RoomValue(on.profiles, mix_)).first;
    return found->second.lost_milli(fixed_layout(on), {option.profile->id, option.placement});
  }

 private:
  Mix mix_;
  std::map<std::shared_ptr<const std::vector<gpu::Profile>>, RoomValue> values_;
};

unsigned axis_of(const Candidate& on) {
  unsigned end = 1;
  for (const gpu::Profile& one : on.offered())
    for (const gpu::Placement at : one.placements) end = std::max(end, at.start + at.size);
  return end;
}

/// The part of the device's memory slices that somebody works on. Who holds one and is idle disturbs nobody.
double busy_part(const Candidate& on) {
  unsigned busy = 0;
  for (const Piece& one : on.pieces)
    if (!one.held_by.empty() && !one.idle) busy += one.placed.placement.size;
  return static_cast<double>(busy) / axis_of(on);
}

struct Text {
  std::string_view key, text;
};

std::string explained(std::span<const Text> texts, const Term& term) {
  const auto found = std::ranges::find(texts, term.key, &Text::key);
  return found == texts.end() ? std::string(term.key) : fmt::format("{} {:.3f}", found->text, term.value);
}

class Default : public Policy {
 public:
  explicit Default(Mix mix) : rooms_(std::move(mix)) {}

  std::string_view name() const override { return "default"; }
  const Mix& mix() const override { return rooms_.mix(); }
  std::string_view node_policy() const override { return "default"; }
  bool weighs_devices() const override { return true; }

  Cost cost(const Option& option, const Need& need) override {
    const Candidate& on = *option.candidate;
    const double milli_price = hour(on) / 1000;
    const Habits& habits = kHabits[static_cast<std::size_t>(need.type)];
    Cost out;
    const auto add = [&](std::string_view key, double milli) {
      if (milli == 0) return;
      out.value += milli * milli_price;
      out.terms.push_back({key, milli * milli_price});
    };
    if (option.profile) {
      add(mix().empty() ? "room" : "room_asked", habits.room_weight * rooms_.lost_milli(option));
      add("part", habits.part_milli);
      add("busy", habits.busy_milli * busy_part(on));
      if (!option.piece) add("create", habits.create_milli);
      add("destroy", habits.destroy_milli * option.destroyed);
    } else {
      add("device", option.share_milli > 0 ? option.share_milli : 1000);
      add("sharing", habits.sharing_milli * option.share_milli / 1000);
    }
    if (on.may_be_taken) add("lent", habits.lent_milli);
    return out;
  }

  std::string explain(const Term& term) const override {
    static constexpr Text kTexts[] = {{"room", "of the room that typical requests could use it takes"},
                                      {"room_asked", "of the room that requests like those of late could use it takes"},
                                      {"device", "what it takes of devices costs"},
                                      {"part", "not to have a device alone counts"},
                                      {"busy", "others at work on the device count"},
                                      {"create", "the wait for the new instance counts"},
                                      {"destroy", "idle instances that go count"},
                                      {"sharing", "memory that others share counts"},
                                      {"lent", "that its node may be taken away counts"}};
    static constexpr Text kOfNodes[] = {{"room_lost", "of what its node could still serve is lost"},
                                        {"scarce", "devices side by side and models that others need count"}};
    if (std::ranges::find(kOfNodes, term.key, &Text::key) != std::end(kOfNodes))
      return explained(kOfNodes, term) + " devices";
    return explained(kTexts, term) + " an hour";
  }

 private:
  RoomValues rooms_;
};

class FragmentationGradient : public Policy {
 public:
  explicit FragmentationGradient(Mix mix) : rooms_(std::move(mix)) {}

  std::string_view name() const override { return "fgd"; }
  const Mix& mix() const override { return rooms_.mix(); }
  std::string_view node_policy() const override { return "fgd"; }

  /// Slices that typical requests cannot use are those that are free less those that they can.
  Cost cost(const Option& option, const Need&) override {
    if (!option.profile) return {};
    const double more = rooms_.lost_milli(option) - 1000.0 * size_of(*option.profile) / axis_of(*option.candidate);
    return {more, {{"unusable", more}}};
  }

  std::string explain(const Term& term) const override {
    static constexpr Text kTexts[] = {
        {"unusable", "thousandths of the device that typical requests can use no more:"},
    };
    return term.key == "score" ? fmt::format("its node scores {:.0f}", -term.value) : explained(kTexts, term);
  }

 private:
  RoomValues rooms_;
};

}  // namespace

std::unique_ptr<Policy> default_policy(Mix mix) { return std::make_unique<Default>(std::move(mix)); }

std::unique_ptr<Policy> fragmentation_gradient(Mix mix) {
  return std::make_unique<FragmentationGradient>(std::move(mix));
}

}  // namespace tessera::fleet::decision
