// Content negotiation (RFC 9110, 12.5): what an Accept or Accept-Encoding header thinks of one offer.
#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "http/server.h"

namespace tessera::http {
namespace {

struct Param {
  std::string name;   ///< lower case
  std::string value;  ///< unquoted
};
struct Element {
  std::string range;  ///< lower case: "text/*", "gzip", "*"
  std::vector<Param> params;
  double quality = 1;
};

/// Cuts at separators outside of quoted strings.
std::vector<std::string_view> split_unquoted(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == separator && !quoted) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(text.substr(std::min(begin, text.size())));
  return parts;
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

/// 0..1; more digits than the RFC's three are fine, anything else ("nan", "-1", "1e9") is no quality.
std::optional<double> quality_of(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
  const auto value = parse_double(text);
  if (!value) return std::nullopt;
  return std::min(*value, 1.0);
}

/// nullopt for an element that cannot be read: it is passed over, as if it were not there.
std::optional<Element> element_of(std::string_view text) {
  const auto parts = split_unquoted(text, ';');
  Element element;
  element.range = lower(trim(parts.front()));
  if (element.range.empty()) return std::nullopt;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name = lower(trim(parts[i].substr(0, equals)));
    const std::string value = unquoted(trim(parts[i].substr(equals + 1)));
    if (name != "q") {
      element.params.push_back({name, value});
      continue;
    }
    const auto quality = quality_of(value);
    if (!quality) return std::nullopt;
    element.quality = *quality;
  }
  return element;
}

std::vector<Element> elements_of(std::string_view header) {
  std::vector<Element> elements;
  for (const auto part : split_unquoted(header, ','))
    if (auto element = element_of(part)) elements.push_back(*std::move(element));
  return elements;
}

/// How exactly a media range means the offer: -1 not at all, then `*/*`, `type/*`, the type, and one more for each
/// parameter that both name with one value.
int media_match(const Element& wanted, const Element& offer) {
  if (wanted.range == "*/*" || wanted.range == "*") return 0;
  const auto slash = offer.range.find('/');
  if (wanted.range == offer.range.substr(0, slash) + "/*") return 1;
  if (wanted.range != offer.range) return -1;
  int match = 2;
  for (const auto& [name, value] : wanted.params) {
    const auto own = std::ranges::find(offer.params, name, &Param::name);
    if (own == offer.params.end()) continue;
    if (lower(own->value) != lower(value)) return -1;
    ++match;
  }
  return match;
}

int coding_match(const Element& wanted, const Element& offer) {
  if (wanted.range == "*") return 0;
  const bool gzip = offer.range == "gzip" && wanted.range == "x-gzip";  // two names of one (RFC 9110, 8.4.1.3)
  return wanted.range == offer.range || gzip ? 1 : -1;
}

}  // namespace

double accept_quality(std::string_view header, std::string_view item) {
  if (trim(header).empty()) return 1;
  const auto offer = element_of(item);
  if (!offer) return 0;
  const bool media = offer->range.find('/') != std::string::npos;
  int best = -1;
  double quality = !media && offer->range == "identity" ? 1 : 0;  // no coding at all is fine until refused
  for (const auto& wanted : elements_of(header)) {
    const int match = media ? media_match(wanted, *offer) : coding_match(wanted, *offer);
    if (match < 0 || match < best) continue;
    quality = match == best ? std::max(quality, wanted.quality) : wanted.quality;
    best = match;
  }
  return quality;
}

bool prefers(std::string_view accept, std::string_view type, std::string_view other) {
  const double quality = accept_quality(accept, type);
  const auto elements = elements_of(accept);
  const bool named = std::ranges::find(elements, lower(type), &Element::range) != elements.end();
  return named && quality > 0 && quality >= accept_quality(accept, other);
}

bool wants_gzip(std::string_view accept_encoding) {
  if (trim(accept_encoding).empty()) return false;
  const double quality = accept_quality(accept_encoding, "gzip");
  // "identity" counts against gzip only where it is named: its silent 1 is a permission, not a wish.
  const auto elements = elements_of(accept_encoding);
  const auto plain = std::ranges::find(elements, "identity", &Element::range);
  return quality > 0 && (plain == elements.end() || quality >= plain->quality);
}

}  // namespace tessera::http
