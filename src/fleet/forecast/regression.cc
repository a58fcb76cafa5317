// The next value by the ones before it, a day and a week before it: an autoregression by least squares, drawn a little
// towards 0.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "fleet/forecast/methods.h"

namespace tessera::fleet::forecast {
namespace {

constexpr std::size_t kLags = 11, kTerms = kLags + 1;  // the last term is the constant
using Terms = std::array<double, kTerms>;

std::array<std::size_t, kLags> lags_of(const Seasons& seasons) {
  const auto [day, week] = seasons;
  return {1, 2, 3, day - 1, day, day + 1, 2 * day, 3 * day, week - day, week, week + 1};
}

/// The normal equations of least squares, which grow as rows come.
class Equations {
 public:
  void add(const Terms& row, double wanted) {
    for (std::size_t i = 0; i < kTerms; ++i) {
      for (std::size_t j = 0; j <= i; ++j) matrix_[i][j] += row[i] * row[j];
      right_[i] += row[i] * wanted;
    }
    ++rows_;
  }

  /// By Cholesky's decomposition; `drawn` keeps the matrix positive definite, whatever the rows were.
  Terms solve(double drawn) const {
    auto lower = matrix_;
    Terms x = right_;
    for (std::size_t i = 0; i < kTerms; ++i) {
      lower[i][i] += drawn * static_cast<double>(rows_ + 1);
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = lower[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= lower[i][k] * lower[j][k];
        lower[i][j] = i == j ? std::sqrt(std::max(sum, kLeast)) : sum / lower[j][j];
      }
      for (std::size_t k = 0; k < i; ++k) x[i] -= lower[i][k] * x[k];
      x[i] /= lower[i][i];
    }
    for (std::size_t i = kTerms; i-- > 0;) {
      for (std::size_t k = i + 1; k < kTerms; ++k) x[i] -= lower[k][i] * x[k];
      x[i] /= lower[i][i];
    }
    return x;
  }

 private:
  static constexpr double kLeast = 1e-12;
  std::array<Terms, kTerms> matrix_{};  ///< its lower half
  Terms right_{};
  std::size_t rows_ = 0;
};

Terms terms_at(const Values& values, std::size_t t, const std::array<std::size_t, kLags>& lags) {
  Terms terms;
  for (std::size_t i = 0; i < kLags; ++i) terms[i] = values[t - lags[i]];
  terms[kLags] = 1;
  return terms;
}

struct Standard {
  double mean = 0, deviation = 0;
};

Standard standard_of(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  Standard scale{std::accumulate(values.begin(), values.end(), 0.0) / n};
  for (const double value : values) scale.deviation += (value - scale.mean) * (value - scale.mean);
  scale.deviation = std::sqrt(scale.deviation / n);
  return scale;
}

}  // namespace

Paths lag_regression(const Question& question) {
  const auto& [history, origins, horizon, seasons] = question;
  constexpr double kDrawn = 1e-3;
  constexpr double kFarthest = 6;  // deviations from the mean: a regression may be unstable, what is forecast may not
  const auto [mean, deviation] = standard_of(history.first(origins.front()));
  if (!(deviation > 0)) return naive(question);
  Values scaled(history.size());
  for (std::size_t t = 0; t < history.size(); ++t) scaled[t] = (history[t] - mean) / deviation;

  const auto lags = lags_of(seasons);
  Equations equations;
  std::size_t t = *std::ranges::max_element(lags);
  Paths paths;
  for (const std::size_t origin : origins) {
    for (; t < origin; ++t) equations.add(terms_at(scaled, t, lags), scaled[t]);
    const Terms weights = equations.solve(kDrawn);
    Values then(scaled.begin(), scaled.begin() + static_cast<std::ptrdiff_t>(origin));
    Values& path = paths.emplace_back(horizon);
    for (double& value : path) {
      const Terms terms = terms_at(then, then.size(), lags);
      then.push_back(
          std::clamp(std::inner_product(terms.begin(), terms.end(), weights.begin(), 0.0), -kFarthest, kFarthest));
      value = mean + deviation * then.back();
    }
  }
  return paths;
}

}  // namespace tessera::fleet::forecast
