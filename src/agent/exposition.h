#pragma once
// A finished page in the four forms that a scraper may ask for. Each form is made once, at the latest when first asked
// for.
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "agent/fields.h"
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

/// Which forms scrapers asked for since the last collection, so that the next one makes them ahead and a scrape only
/// sends bytes. A form that is scraped more seldom is made when asked for: making it each time would cost more.
class Demand {
 public:
  void note(Form form) { wanted_[form.index()].store(true, std::memory_order_relaxed); }
  bool take(Form form) { return wanted_[form.index()].exchange(false, std::memory_order_relaxed); }

 private:
  std::array<std::atomic<bool>, 4> wanted_{};
};

}  // namespace tessera::agent
