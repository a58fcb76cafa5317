#include "agent/field_source.h"

#include <sys/stat.h>

#include "base/files.h"
#include "base/log.h"

namespace tessera::agent {

namespace {
void log_warnings(const FieldSet& fields) {
  for (const std::string& warning : fields.warnings) log::warn("fields", {{"what", warning}});
}
}  // namespace

Result<std::unique_ptr<FieldSource>> FieldSource::open(std::string path, DcgmNames names) {
  auto source = std::unique_ptr<FieldSource>(new FieldSource(std::move(path), names));
  source->seen_ = source->stamp();
  source->fields_ = TRY(source->read());
  log_warnings(*source->fields_);
  return source;
}

std::optional<FieldSource::Stamp> FieldSource::stamp() const {
  struct stat file{};
  if (path_.empty() || ::stat(path_.c_str(), &file) != 0) return std::nullopt;
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return Stamp{file.st_dev, file.st_ino, nanoseconds(file.st_mtim), nanoseconds(file.st_ctim), file.st_size};
}

Result<std::shared_ptr<const FieldSet>> FieldSource::read() const {
  if (path_.empty()) return parse_fields(default_fields_csv(), "built-in fields", names_);
  const auto text = read_file(path_, 1U << 20U);
  if (!text)
    return fail(text.error().code,
                "{}. Name a CSV that this user may read by --collectors or DCGM_EXPORTER_COLLECTORS, or none for the "
                "built-in fields",
                text.error().what);
  return parse_fields(*text, path_, names_);
}

void FieldSource::refresh(bool forced) {
  const auto now = stamp();
  if (!forced && now == seen_) return;
  seen_ = now;
  auto fields = read();
  ok_ = static_cast<bool>(fields);
  if (!ok_) {
    log::error("fields not reloaded, the last good set stays in use", {{"why", fields.error().what}});
    return;
  }
  fields_ = *std::move(fields);
  log_warnings(*fields_);
  log::info("fields reloaded", {{"file", path_}, {"fields", std::to_string(fields_->values.size())}});
}

}  // namespace tessera::agent
