#include "fleet/forecast/level.h"
#include "fleet/forecast/methods.h"
#include "fleet/forecast/profile.h"

namespace tessera::fleet::forecast {
namespace {

Paths repeat(const Question& question, std::size_t season) {
  Paths paths;
  for (const std::size_t origin : question.origins) {
    Values& path = paths.emplace_back(question.horizon);
    for (std::size_t step = 0; step < question.horizon; ++step)
      path[step] = question.history[origin - season + step % season];
  }
  return paths;
}

/// The profile above what `line` makes of the remainder.
template <class Line>
Paths above_profile(const Question& question, const Seasons& seasons, Line line) {
  Paths paths;
  for (const std::size_t origin : question.origins) {
    const Profile profile = profile_of(question.history.first(origin), seasons);
    Values& path = paths.emplace_back(line(profile.remainder, question.horizon));
    for (std::size_t step = 0; step < question.horizon; ++step)
      path[step] += profile.by_phase[(origin + step) % seasons.week];
  }
  return paths;
}

}  // namespace

Paths repeat_day(const Question& question) { return repeat(question, question.seasons.day); }

Paths repeat_week(const Question& question) { return repeat(question, question.seasons.week); }

Paths week_profile_theta(const Question& question) { return above_profile(question, question.seasons, theta_line); }

Paths week_profile_reverting(const Question& question) {
  const auto line = [&](const Values& remainder, std::size_t horizon) {
    return reverting_line(remainder, horizon, question.seasons.week, static_cast<double>(question.seasons.day) / 2);
  };
  return above_profile(question, question.seasons, line);
}

Paths day_profile_theta(const Question& question) {
  return above_profile(question, {question.seasons.day, question.seasons.day}, theta_line);
}

}  // namespace tessera::fleet::forecast
