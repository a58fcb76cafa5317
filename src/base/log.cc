#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/duration.h"
#include "base/text.h"

namespace tessera::log {
namespace {

std::atomic<Level> least_level{Level::Info};
std::atomic<Format> line_format{Format::Text};

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : valid_utf8(text)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

bool plain(std::string_view text) {
  const auto stands_out = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '=' || c == '"' || c == '\\';
  };
  return !text.empty() && std::ranges::none_of(text, stands_out);
}

void append_text(std::string& out, Level level, std::string_view message, Fields fields) {
  out += kNames[static_cast<std::size_t>(level)];
  out += ' ';
  out += message;
  for (const auto& [key, value] : fields) {
    out += fmt::format(" {}=", key);
    if (plain(value))
      out += value;
    else
      append_quoted(out, value);
  }
}

void append_json(std::string& out, Level level, std::string_view message, Fields fields) {
  out += fmt::format("\"level\":\"{}\",\"message\":", kNames[static_cast<std::size_t>(level)]);
  append_quoted(out, message);
  for (const auto& [key, value] : fields) {
    out += fmt::format(",\"{}\":", key);
    append_quoted(out, value);
  }
  out += '}';
}

}  // namespace

void configure(Level least, Format format) {
  least_level = least;
  line_format = format;
}

std::string render(Level level, Format format, std::string_view message, Fields fields) {
  std::string out;
  if (format == Format::Json) {
    out += '{';
    append_json(out, level, message, fields);
  } else {
    append_text(out, level, message, fields);
  }
  return out;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < least_level) return;
  const std::string time = format_time(now_epoch_ms());
  std::string line = line_format == Format::Json ? fmt::format("{{\"time\":\"{}\",", time) : time + ' ';
  if (line_format == Format::Json)
    append_json(line, level, message, fields);
  else
    append_text(line, level, message, fields);
  line += '\n';
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, line.data(), line.size());  // nowhere to report it
}

}  // namespace tessera::log
