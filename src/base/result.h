#pragma once
// A value or the reason why there is none. Result is for what may happen (network, disk, driver, input); assert is for
// what cannot. An error says what was tried, on what, and why it failed, and is logged once, by whoever decides to go
// on.
#include <fmt/core.h>

#include <concepts>
#include <string>
#include <utility>
#include <variant>

namespace tessera {

/// What a caller may branch on.
enum class Code {
  Invalid,      ///< the input is wrong and stays wrong
  NotFound,     ///< what was asked for does not exist
  Unavailable,  ///< may work later
  Denied,       ///< rights are missing
  Internal      ///< our own fault
};

struct Error {
  Code code;
  std::string what;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  Result(std::convertible_to<T> auto&& value) : state_(std::in_place_index<0>, std::forward<decltype(value)>(value)) {}

  explicit operator bool() const { return state_.index() == 0; }
  const T& operator*() const& { return std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  T operator*() && { return std::get<0>(std::move(state_)); }
  const T* operator->() const { return &**this; }
  T* operator->() { return &**this; }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> : public Result<std::monostate> {
 public:
  Result() : Result<std::monostate>(std::monostate{}) {}
  Result(Error error) : Result<std::monostate>(std::move(error)) {}
};

template <class... Args>
Error fail(Code code, fmt::format_string<Args...> text, Args&&... args) {
  return {code, fmt::format(text, std::forward<Args>(args)...)};
}

}  // namespace tessera

#define TESSERA_CAT_(a, b) a##b
#define TESSERA_NAME_(a, b) TESSERA_CAT_(a, b)
#define TESSERA_TRY_AS_(name, expr) \
  __extension__({                   \
    auto name = (expr);             \
    if (!name) return name.error(); \
    *std::move(name);               \
  })
/// The value of `expr`, or an early return of its error. Each use has a name of its own, so that a nested TRY does not
/// shadow.
#define TRY(expr) TESSERA_TRY_AS_(TESSERA_NAME_(try_, __COUNTER__), expr)
