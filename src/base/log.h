#pragma once
// One line a message on standard error, as text or as one JSON object. Thread-safe: a line is written by one call.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tessera::log {

enum class Level { Debug, Info, Warn, Error };
enum class Format { Text, Json };

/// A key and a value; keys are snake_case words. Never put a secret or a command line into a value.
struct Field {
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

/// Set once at start, before threads exist.
void configure(Level least, Format format);

void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) { write(Level::Debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::Info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) { write(Level::Warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::Error, message, fields); }

/// The line that `write` would print, for tests: without time stamp.
std::string render(Level level, Format format, std::string_view message, Fields fields);

}  // namespace tessera::log
