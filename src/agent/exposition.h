#pragma once
// A finished page in the four forms that a scraper may ask for. Each form is made once, at the latest when first asked
// for.
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "agent/fields.h"
#include "base/duration.h"
#include "metrics/page.h"

namespace tessera::agent {

struct Form {
  bool openmetrics = false;
  bool gzip = false;
  std::size_t index() const { return (openmetrics ? 2U : 0U) + (gzip ? 1U : 0U); }
};
inline constexpr std::array<Form, 4> kForms = {Form{false, false}, Form{false, true}, Form{true, false},
                                               Form{true, true}};

/// What Accept and Accept-Encoding ask for.
Form negotiate(std::string_view accept, std::string_view accept_encoding);

/// Thread-safe.
class Exposition {
 public:
  /// Keeps `fields` for as long as the page points into it.
  Exposition(metrics::Page page, std::shared_ptr<const FieldSet> fields);
  std::shared_ptr<const std::string> render(Form form) const;

 private:
  struct Rendered {
    std::once_flag once;
    std::shared_ptr<const std::string> text;
  };
  metrics::Page page_;
  std::shared_ptr<const FieldSet> fields_;
  mutable std::array<Rendered, 4> forms_;
};

/// Which forms scrapers asked for of late, so that each collection makes them ahead and a scrape only sends bytes.
/// Scrapes may be rarer than collections: a form is wanted for as long as the longest usual scrape interval and more.
class Demand {
 public:
  static constexpr Milliseconds kLasts{300'000};
  void note(Form form, SteadyTime now) { asked_[form.index()].store(now, std::memory_order_relaxed); }
  bool wanted(Form form, SteadyTime now) const {
    const SteadyTime asked = asked_[form.index()].load(std::memory_order_relaxed);
    return asked != kNever && now - asked <= kLasts;
  }

 private:
  static constexpr SteadyTime kNever = SteadyTime::min();
  std::array<std::atomic<SteadyTime>, 4> asked_ = {kNever, kNever, kNever, kNever};
};

}  // namespace tessera::agent
