#include "agent/layout/acceptance.h"

#include <algorithm>
#include <cstdlib>

#include "gpu/geometry.h"

namespace tessera::agent::layout {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLongestLife = 1h;
constexpr Milliseconds kMostSkew = 10min;
constexpr std::string_view kGoesOn =
    "; a server whose database is new or was restored goes on above that once it has been told, which this program "
    "does with each question; where it stays so, docs/operations.md has the remedy under 'Backup, restore, downgrade'";

}  // namespace

Result<void> legal(const DeviceState& device, const WantedDevice& wanted) {
  if (!device.mig && (wanted.mig == true || !wanted.instances.empty()))
    return fail(Code::Invalid, "{} ({}) has no MIG", device.uuid, device.name);
  gpu::Layout taken;
  for (const Place& place : wanted.instances) {
    const auto profile = std::ranges::find(device.profiles, place.profile, &gpu::Profile::name);
    if (profile == device.profiles.end())
      return fail(Code::Invalid, "{} has no profile {}", device.uuid, place.profile);
    if (!gpu::fits(device.profiles, taken, *profile, place.placement))
      return fail(Code::Invalid, "{} is no legal place on {} beside the others that are wanted", text_of(place),
                  device.uuid);
    taken.push_back({profile->id, place.placement});
  }
  return {};
}

Result<Milliseconds> accept(const Document& document, const Ourselves& us, const Newest& newest, EpochMs now,
                            std::span<const DeviceState> devices) {
  const auto refuse = [](std::string why) { return Error{Code::Denied, std::move(why)}; };
  if (document.cluster != us.cluster || document.node != us.node)
    return refuse(fmt::format("the document is for node {} of cluster {}, not for {} of {}", document.node,
                              document.cluster, us.node, us.cluster));
  if (document.epoch < newest.epoch)
    return refuse(fmt::format("the document is of an older leader: epoch {}, where {} was acted on already{}",
                              document.epoch, newest.epoch, kGoesOn));
  if (document.generation < newest.generation)
    return refuse(fmt::format("the document is an older one: generation {}, where {} was acted on already{}",
                              document.generation, newest.generation, kGoesOn));
  const Milliseconds life(document.expires_at - document.issued_at);
  if (life <= 0ms) return refuse(fmt::format("the document expired at {}", format_time(document.expires_at)));
  if (life > kLongestLife)
    return refuse(fmt::format("the document would hold for {}, longer than {}", format_duration(life),
                              format_duration(kLongestLife)));
  if (Milliseconds(std::abs(now - document.issued_at)) > kMostSkew)
    return refuse(
        fmt::format("the document was issued at {}, more than {} from this node's clock: an old one, or one "
                    "of the clocks is wrong",
                    format_time(document.issued_at), format_duration(kMostSkew)));
  for (const WantedDevice& wanted : document.devices) {
    const auto here = std::ranges::find(devices, wanted.uuid, &DeviceState::uuid);
    if (here == devices.end() || !here->unknown.empty()) continue;
    if (const auto fits = legal(*here, wanted); !fits)
      return refuse(fmt::format("the document is illegal for this driver: {}", fits.error().what));
  }
  return life;
}

}  // namespace tessera::agent::layout
