#include "relay/bisect.h"

namespace tessera::relay {

Bisection::Bisection(std::size_t series) {
  if (series > 1)
    push_halves({0, series});
  else if (series == 1)
    waiting_.push_back({0, 1});  // sent once more: what it lost by being taken apart may be what was refused
}

void Bisection::push_halves(Part part) {
  const std::size_t middle = part.begin + part.size() / 2;
  waiting_.push_back({middle, part.end});
  waiting_.push_back({part.begin, middle});
}

std::optional<Part> Bisection::next() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.back();
}

void Bisection::taken() {
  waiting_.pop_back();
  in_a_row_ = 0;
}

Bisection::Refused Bisection::refused() {
  ++in_a_row_;
  ++refused_;
  const Part part = waiting_.back();
  waiting_.pop_back();
  if (part.size() == 1) return Refused::Culprit;
  push_halves(part);
  return Refused::Split;
}

}  // namespace tessera::relay
