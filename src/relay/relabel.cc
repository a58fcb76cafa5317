#include "relay/relabel.h"

#include <fmt/format.h>
#include <locale.h>
#include <openssl/evp.h>
#include <re2/re2.h>
#include <wctype.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"

namespace tessera::relay {
namespace {

using enum RelabelAction;

constexpr std::size_t kMaxRegexBytes = 64U << 10U;

constexpr struct {
  std::string_view name;
  RelabelAction action;
  bool needs_target;  ///< target_label must be given
  bool takes_regex, takes_replacement, takes_sources, takes_separator;
} kActions[] = {
    {"replace", Replace, true, true, true, true, true},
    {"keep", Keep, false, true, true, true, true},
    {"drop", Drop, false, true, true, true, true},
    {"keepequal", KeepEqual, true, false, false, true, false},
    {"dropequal", DropEqual, true, false, false, true, false},
    {"hashmod", HashMod, true, true, true, true, true},
    {"labelmap", LabelMap, false, true, true, true, true},
    {"labeldrop", LabelDrop, false, true, false, false, false},
    {"labelkeep", LabelKeep, false, true, false, false, false},
    {"lowercase", Lowercase, true, true, false, true, true},
    {"uppercase", Uppercase, true, true, false, true, true},
};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// A replacement taken apart: literal text, then the group that follows it (if any), and so on.
struct Piece {
  std::string literal;
  std::optional<std::size_t> group;
};

/// "$name" or "${name}" behind the dollar: the name and how many bytes it takes; nullopt for what is neither, which
/// stays as it is written.
std::optional<std::pair<std::string_view, std::size_t>> reference_at(std::string_view text) {
  const bool braced = text.starts_with('{');
  const std::string_view rest = text.substr(braced ? 1 : 0);
  const auto length =
      static_cast<std::size_t>(std::ranges::find_if_not(rest, is_word) - rest.begin());  // as many as there are
  if (length == 0 || (braced && rest.substr(length, 1) != "}")) return std::nullopt;
  return std::pair(rest.substr(0, length), length + (braced ? 2 : 0));
}

/// The group a reference names; nullopt for one that the regex does not have: it stands for nothing.
std::optional<std::size_t> group_of(std::string_view name, const re2::RE2& regex) {
  const bool numeric = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
  if (numeric && (name.size() == 1 || name.front() != '0')) {
    const auto number = parse_int(name);
    if (!number || *number > regex.NumberOfCapturingGroups()) return std::nullopt;
    return static_cast<std::size_t>(*number);
  }
  const auto& groups = regex.NamedCapturingGroups();
  const auto at = groups.find(std::string(name));
  return at == groups.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at->second));
}

std::vector<Piece> pieces_of(std::string_view text, const re2::RE2& regex) {
  std::vector<Piece> out(1);
  while (!text.empty()) {
    const auto dollar = std::min(text.find('$'), text.size());
    out.back().literal += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      out.back().literal += '$';
      text.remove_prefix(1);
    } else if (const auto reference = reference_at(text); !reference) {
      out.back().literal += '$';
    } else {
      out.back().group = group_of(reference->first, regex);
      out.emplace_back();
      text.remove_prefix(reference->second);
    }
  }
  return out;
}

/// Whether the text could become a label's name once its references are replaced.
bool may_name_a_label(std::string_view text) {
  std::string tried;
  while (!text.empty()) {
    if (text.starts_with('$')) {
      const auto reference = reference_at(text.substr(1));
      if (!reference) return false;
      tried += 'x';
      text.remove_prefix(1 + reference->second);
    } else {
      tried += text.front();
      text.remove_prefix(1);
    }
  }
  return is_label_name(tried);
}

/// (?<name>…) is what newer regexes call (?P<name>…).
std::string with_old_group_names(std::string text) {
  for (std::size_t at = text.find("(?<"); at != std::string::npos; at = text.find("(?<", at + 3))
    text.insert(at + 2, "P");
  return text;
}

Result<std::unique_ptr<const re2::RE2>> compile_regex(std::string text) {
  if (text.size() > kMaxRegexBytes)
    return fail(Code::Invalid, "the regex is longer than {} KiB", kMaxRegexBytes >> 10U);
  re2::RE2::Options options;
  options.set_log_errors(false);
  // Tried bare first: "a)(b" is no regex, though it would be one inside our brackets.
  if (const re2::RE2 bare(text, options); !bare.ok()) {
    const std::string renamed = with_old_group_names(text);
    if (!re2::RE2(renamed, options).ok())
      return fail(Code::Invalid, "regex '{}': {} (RE2's syntax: no look-around, no back references)", valid_utf8(text),
                  valid_utf8(bare.error()));
    text = renamed;
  }
  return std::make_unique<const re2::RE2>("(?s:" + text + ")", options);
}

/// Case as Unicode has it, the same whatever the process' locale. Bytes that are no UTF-8 become U+FFFD.
std::string in_case(std::string_view text, bool upper) {
  static const locale_t kUnicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string out;
  const std::string valid = valid_utf8(text);
  for (std::size_t at = 0; at < valid.size();) {
    const auto lead = static_cast<unsigned char>(valid[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) point = point << 6U | (static_cast<unsigned char>(valid[at + i]) & 0x3FU);
    at += length;
    const auto wide = static_cast<wint_t>(point);
    if (kUnicode) {
      point = static_cast<std::uint32_t>(upper ? ::towupper_l(wide, kUnicode) : ::towlower_l(wide, kUnicode));
    } else if (length == 1) {
      point = static_cast<std::uint32_t>(upper ? ::towupper(wide) : ::towlower(wide));
    }
    if (point < 0x80) {
      out += static_cast<char>(point);
      continue;
    }
    const unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    out += static_cast<char>((0xFF00U >> (more + 1) & 0xFFU) | point >> (6U * more));
    for (unsigned i = more; i-- > 0;) out += static_cast<char>(0x80U | (point >> (6U * i) & 0x3FU));
  }
  return out;
}

/// The last eight bytes of the MD5, as a number.
std::uint64_t hash_of(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  ::EVP_Digest(text.data(), text.size(), digest.data(), nullptr, ::EVP_md5(), nullptr);
  std::uint64_t out = 0;
  for (std::size_t i = 8; i < 16; ++i) out = out << 8U | digest[i];
  return out;
}

const auto& row_of(RelabelAction action) { return kActions[static_cast<std::size_t>(action)]; }

/// What an action would pass over in silence is refused.
Result<void> check_fields(const RelabelRule& rule) {
  const auto& row = row_of(rule.action);
  const RelabelRule defaults;
  if (row.needs_target && rule.target_label.empty())
    return fail(Code::Invalid, "action {} needs a target label", row.name);
  if (rule.action == HashMod && rule.modulus == 0)
    return fail(Code::Invalid, "action hashmod needs a modulus of at least 1");
  const auto refuse = [&](std::string_view field) {
    return fail(Code::Invalid, "action {} has no use for a {}; take it out", row.name, field);
  };
  if (!row.takes_regex && rule.regex != defaults.regex) return refuse("regex");
  if (!row.takes_replacement && rule.replacement != defaults.replacement) return refuse("replacement");
  if (!row.takes_sources && !rule.source_labels.empty()) return refuse("source label");
  if (!row.takes_sources && !rule.target_label.empty()) return refuse("target label");
  if (!row.takes_sources && rule.modulus != 0) return refuse("modulus");
  if (!row.takes_separator && rule.separator != defaults.separator) return refuse("separator");
  if (rule.action == Replace ? !may_name_a_label(rule.target_label)
                             : row.needs_target && !is_label_name(rule.target_label))
    return fail(Code::Invalid, "'{}' is no label name ([a-zA-Z_][a-zA-Z0-9_]*)", rule.target_label);
  if (rule.action == LabelMap && !may_name_a_label(rule.replacement))
    return fail(Code::Invalid, "replacement '{}' gives no label name ([a-zA-Z_][a-zA-Z0-9_]*)", rule.replacement);
  return {};
}

}  // namespace

struct Relabel::Compiled {
  RelabelRule rule;
  std::unique_ptr<const re2::RE2> regex;
  std::vector<Piece> target, replacement;

  bool matches(std::string_view text) const {
    return regex->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
  }

  /// The groups of a match, the whole first; none where there is no match.
  std::vector<re2::StringPiece> groups(std::string_view text) const {
    std::vector<re2::StringPiece> out(static_cast<std::size_t>(regex->NumberOfCapturingGroups()) + 1);
    const bool matched = regex->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::ANCHOR_BOTH, out.data(),
                                      static_cast<int>(out.size()));
    if (!matched) out.clear();
    return out;
  }

  static std::string expand(const std::vector<Piece>& pieces, const std::vector<re2::StringPiece>& groups) {
    std::string out;
    for (const Piece& piece : pieces) {
      out += piece.literal;
      if (piece.group) out.append(groups[*piece.group].data(), groups[*piece.group].size());
    }
    return out;
  }

  void replace(Labels& labels, std::string_view value) const {
    const auto found = groups(value);
    if (found.empty()) return;
    const std::string name = expand(target, found);
    if (is_label_name(name)) set_label(labels, name, expand(replacement, found));
  }

  void map(Labels& labels) const {
    const Labels before = labels;
    for (const Label& label : before) {
      const auto found = groups(label.name);
      if (found.empty()) continue;
      const std::string name = expand(replacement, found);
      if (!name.empty()) set_label(labels, name, label.value);
    }
  }
};

Result<RelabelAction> relabel_action(std::string_view name) {
  const std::string lowered = lower(name);
  std::vector<std::string_view> names;
  for (const auto& row : kActions) {
    if (row.name == lowered) return RelabelAction{row.action};
    names.push_back(row.name);
  }
  return fail(Code::Invalid, "no such relabelling action '{}'; there are {}", valid_utf8(name.substr(0, 60)),
              fmt::join(names, ", "));
}

std::string_view name_of(RelabelAction action) { return row_of(action).name; }

Result<Relabel> Relabel::compile(const RelabelRule& rule) {
  TRY(check_fields(rule));
  auto compiled = std::make_shared<Compiled>();
  compiled->rule = rule;
  compiled->regex = TRY(compile_regex(rule.regex));
  compiled->target = pieces_of(rule.target_label, *compiled->regex);
  compiled->replacement = pieces_of(rule.replacement, *compiled->regex);
  return Relabel(std::move(compiled));
}

bool Relabel::apply(Labels& labels) const {
  const RelabelRule& rule = compiled_->rule;
  const auto matches_name = [&](const Label& label) { return compiled_->matches(label.name); };
  switch (rule.action) {
    case Replace:
      compiled_->replace(labels, joined(labels));
      return true;
    case Keep:
      return compiled_->matches(joined(labels));
    case Drop:
      return !compiled_->matches(joined(labels));
    case KeepEqual:
      return value_of(labels, rule.target_label) == joined(labels);
    case DropEqual:
      return value_of(labels, rule.target_label) != joined(labels);
    case HashMod:
      set_label(labels, rule.target_label, std::to_string(hash_of(joined(labels)) % rule.modulus));
      return true;
    case Lowercase:
    case Uppercase:
      set_label(labels, rule.target_label, in_case(joined(labels), rule.action == Uppercase));
      return true;
    case LabelMap:
      compiled_->map(labels);
      return true;
    case LabelDrop:
      std::erase_if(labels, matches_name);
      return true;
    case LabelKeep:
      std::erase_if(labels, [&](const Label& label) { return !matches_name(label); });
      return true;
  }
  return true;
}

const RelabelRule& Relabel::rule() const { return compiled_->rule; }

std::string Relabel::text() const {
  const RelabelRule& r = compiled_->rule;
  const std::string sources = fmt::format("{}", fmt::join(r.source_labels, ","));
  std::string out(name_of(r.action));
  if (!sources.empty()) out += " " + sources;
  if (r.action == KeepEqual || r.action == DropEqual) return out + " == " + r.target_label;
  if (r.regex != "(.*)") out += fmt::format(" =~ \"{}\"", r.regex);
  if (r.action == HashMod) out += fmt::format(" mod {}", r.modulus);
  if (r.action == LabelMap) return out + fmt::format(" -> \"{}\"", r.replacement);
  if (!r.target_label.empty()) out += " -> " + r.target_label;
  if (r.action == Replace) out += fmt::format(" = \"{}\"", r.replacement);
  return out;
}

std::string Relabel::joined(const Labels& labels) const {
  const RelabelRule& rule = compiled_->rule;
  std::string out;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) out += rule.separator;
    out += value_of(labels, rule.source_labels[i]);
  }
  return out;
}

bool relabel(std::span<const Relabel> rules, Labels& labels) {
  return std::ranges::all_of(rules, [&](const Relabel& rule) { return rule.apply(labels); });
}

std::vector<RelabelStep> explain(std::span<const Relabel> rules, Labels labels) {
  std::vector<RelabelStep> out;
  for (const Relabel& rule : rules) {
    RelabelStep step{rule.text(), rule.joined(labels), false, labels, {}};
    step.dropped = !rule.apply(labels);
    if (!step.dropped) step.after = labels;
    out.push_back(std::move(step));
    if (out.back().dropped) break;
  }
  return out;
}

}  // namespace tessera::relay
