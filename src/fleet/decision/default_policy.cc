#include "fleet/decision/default_policy.h"

#include <fmt/format.h>

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
};
constexpr std::array<Habits, kWorkloadTypes> kHabits = {{
    {5, 10, 1000},  // Training
    {5, 10, 500},   // Inference
    {5, 10, 0},     // Batch
    {20, 20, 0},    // Interactive
}};

/// An hour of the device where nobody has told its price: by its memory, so that a larger one costs more.
constexpr double kGibPrice = 0.03;

double hour(const Candidate& candidate) {
  if (candidate.price_micros) return static_cast<double>(*candidate.price_micros) / 1e6;
  constexpr double kGib = 1024.0 * 1024 * 1024;
  return kGibPrice * static_cast<double>(candidate.memory_bytes.value_or(0)) / kGib;
}

class Default : public Policy {
 public:
  explicit Default(Mix mix) : mix_(std::move(mix)) {}

  std::string_view name() const override { return "default"; }

  Cost cost(const Option& option, const Need& need) override {
    const double milli_price = hour(*option.candidate) / 1000;
    const Habits& habits = kHabits[static_cast<std::size_t>(need.type)];
    Cost out;
    const auto add = [&](std::string_view key, double milli) {
      if (milli == 0) return;
      out.value += milli * milli_price;
      out.terms.push_back({key, milli * milli_price});
    };
    add(mix_.empty() ? "room" : "room_asked", room_milli(option));
    if (option.profile && !option.piece) add("create", habits.create_milli);
    add("destroy", habits.destroy_milli * option.destroyed);
    if (option.share_milli > 0) add("sharing", habits.sharing_milli * option.share_milli / 1000);
    return out;
  }

  std::string explain(const Term& term) const override {
    static constexpr struct {
      std::string_view key, text;
    } kTexts[] = {{"room", "of the room that typical requests could use it takes"},
                  {"room_asked", "of the room that requests like those of late could use it takes"},
                  {"create", "the wait for the new instance counts"},
                  {"destroy", "idle instances that go count"},
                  {"sharing", "memory that others share counts"}};
    for (const auto& one : kTexts)
      if (one.key == term.key) return fmt::format("{} {:.3f} an hour", one.text, term.value);
    return std::string(term.key);
  }

 private:
  double room_milli(const Option& option) {
    if (!option.profile) return option.share_milli > 0 ? option.share_milli : 1000;
    const Candidate& on = *option.candidate;
    auto found = values_.find(on.profiles);
    if (found == values_.end()) found = values_.emplace(on.profiles, RoomValue(on.profiles, mix_)).first;
    return found->second.lost_milli(fixed_layout(on), {option.profile->id, option.placement});
  }

  Mix mix_;
  std::map<std::shared_ptr<const std::vector<gpu::Profile>>, RoomValue> values_;
};

}  // namespace

std::unique_ptr<Policy> default_policy(Mix mix) { return std::make_unique<Default>(std::move(mix)); }

}  // namespace tessera::fleet::decision
