#include "agent/fields.h"

#include <algorithm>

#include "agent/fields_csv.h"
#include "base/text.h"

namespace tessera::agent {
namespace {

constexpr struct {
  std::string_view name;
  std::optional<metrics::Type> type;  ///< none: a label
  bool fits = true;                   ///< a type that a field can be
} kTypes[] = {
    {"gauge", metrics::Type::Gauge},
    {"counter", metrics::Type::Counter},
    {"label", std::nullopt},
    {"untyped", metrics::Type::Untyped},
    {"histogram", metrics::Type::Untyped, false},
    {"summary", metrics::Type::Untyped, false},
};

Error error_at(std::string_view file, const CsvCell& cell, std::string_view what) {
  return fail(Code::Invalid, "{}:{}:{}: {}", file, cell.line, cell.column, what);
}

/// What is worth repeating of a text that is not what it should be.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 80;
  return text.size() <= kMost ? std::string(text) : valid_utf8(text.substr(0, kMost)) + "…";
}

Error unknown_field(std::string_view file, const CsvCell& cell) {
  std::vector<std::string_view> names;
  for (const FieldInfo& field : known_fields()) {
    names.push_back(field.name);
    if (field.later_name != field.name) names.push_back(field.later_name);
  }
  const std::string_view near = nearest(shown(cell.text), names);
  const std::string hint = near.empty() ? "" : fmt::format("; did you mean {}?", near);
  return error_at(file, cell,
                  fmt::format("unknown field '{}': the name of a DCGM field expected{}", shown(cell.text), hint));
}

Error unknown_type(std::string_view file, const CsvCell& cell) {
  const std::string_view near = nearest(shown(cell.text), {"gauge", "counter", "label"});
  const std::string hint = near.empty() ? "" : fmt::format("; did you mean {}?", near);
  return error_at(file, cell, fmt::format("type '{}': gauge, counter or label expected{}", shown(cell.text), hint));
}

Result<void> check_columns(std::string_view file, const CsvRow& row) {
  if (row.size() == 3) return {};
  if (row.size() > 3) {
    return error_at(file, row[3],
                    fmt::format("{} columns, but 3 expected (field, type, help); a help text with a comma goes into "
                                "double quotes",
                                row.size()));
  }
  static constexpr std::string_view kMissing[] = {"", "type and help", "the help text"};
  return error_at(file, row.back(),
                  fmt::format("{} expected after '{}' (three columns: field, type, help)", kMissing[row.size()],
                              shown(row.back().text)));
}

/// The name that a row's metric or label gets.
std::string_view exposed_name(const FieldInfo& field, std::string_view written, DcgmNames names) {
  if (written == "DCGM_FI_PROF_TENSOR_ACTIVE" || names == DcgmNames::V4_9)
    if (!written.starts_with("dcgm_")) return names == DcgmNames::V4_9 ? field.later_name : field.name;
  return written;
}

}  // namespace

class FieldSetBuilder {
 public:
  FieldSetBuilder(std::string_view file, DcgmNames names) : file_(file), names_(names) {}

  Result<void> add(const CsvRow& row) {
    TRY(check_columns(file_, row));
    const FieldInfo* field = known(row[0].text);
    if (field == nullptr) return unknown_field(file_, row[0]);
    const auto* type = std::ranges::find(kTypes, row[1].text, [](const auto& t) { return t.name; });
    if (type == std::end(kTypes)) return unknown_type(file_, row[1]);
    if (!field->why_no_source.empty()) {
      add_without_source(row, *field);
    } else if (!type->type) {
      if (field->label == nullptr) {
        return error_at(file_, row[1], fmt::format("{} is a number: gauge or counter expected", row[0].text));
      }
      add_label(row, *field);
    } else {
      if (!field->reading && field->derive == nullptr) {
        return error_at(file_, row[1], fmt::format("{} is a text: label expected", row[0].text));
      }
      if (!type->fits) {
        warn(row[1], fmt::format("{} is no {}; exposed as untyped", row[0].text, type->name));
      }
      add_value(row, *field, *type->type);
    }
    return {};
  }

  std::shared_ptr<const FieldSet> take() { return std::move(set_); }

 private:
  void warn(const CsvCell& cell, std::string_view what) {
    set_->warnings.push_back(fmt::format("{}:{}:{}: {}", file_, cell.line, cell.column, what));
  }

  std::string_view keep(std::string_view text) {
    set_->texts_.push_back(std::make_unique<const std::string>(text));
    return *set_->texts_.back();
  }

  const FieldInfo* known(std::string_view name) {
    if (const FieldInfo* field = find_field(name)) return field;
    const auto& families = field_families();
    const auto family = std::ranges::find_if(families, [name](const auto& f) { return name.starts_with(f.prefix); });
    const auto of_name = [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    };
    if (family == families.end() || !std::ranges::all_of(name, of_name)) return nullptr;
    const std::string_view kept = keep(name);
    set_->families_.push_back(std::make_unique<const FieldInfo>(
        FieldInfo{.name = kept, .later_name = kept, .why_no_source = family->why_no_source}));
    return set_->families_.back().get();
  }

  void add_without_source(const CsvRow& row, const FieldInfo& field) {
    const auto same = [&field](const FieldInfo* other) { return other->name == field.name; };
    if (std::ranges::any_of(set_->without_source, same)) return;
    set_->without_source.push_back(&field);
    warn(row[0], fmt::format("{} is not exposed: {}", row[0].text, field.why_no_source));
  }

  void add_label(const CsvRow& row, const FieldInfo& field) {
    const std::string_view name = exposed_name(field, row[0].text, names_);
    if (std::ranges::find(set_->labels, name, &FieldSet::Label::name) == set_->labels.end())
      set_->labels.push_back({&field, std::string(name)});
  }

  void add_value(const CsvRow& row, const FieldInfo& field, metrics::Type type) {
    const std::string_view name = exposed_name(field, row[0].text, names_);
    const std::string_view help = row[2].text.empty() ? field.default_help : keep(row[2].text);
    const bool is_gauge = type == metrics::Type::Counter && field.default_type != "counter";
    FieldSet::Value value{&field, {keep(name), type, field.unit, help, is_gauge}};
    const auto before = std::ranges::find_if(set_->values, [name](const auto& v) { return v.metric.name == name; });
    if (before == set_->values.end()) {
      set_->values.push_back(value);
      return;
    }
    warn(row[0], fmt::format("{} was there before; this row counts", row[0].text));
    *before = value;
  }

  std::string_view file_;
  DcgmNames names_;
  std::shared_ptr<FieldSet> set_ = std::make_shared<FieldSet>();
};

Result<std::shared_ptr<const FieldSet>> parse_fields(std::string_view csv, std::string_view file, DcgmNames names) {
  const auto rows = TRY(parse_csv(csv, file));
  if (rows.empty()) {
    return fail(Code::Invalid, "{}: no fields; at least one row 'field, type, help' expected", file);
  }
  FieldSetBuilder builder(file, names);
  for (const CsvRow& row : rows) TRY(builder.add(row));
  return builder.take();
}

}  // namespace tessera::agent
