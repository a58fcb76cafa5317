#include "agent/exposition.h"

#include "http/server.h"

namespace tessera::agent {

Form negotiate(std::string_view accept, std::string_view accept_encoding) {
  return {http::prefers(accept, "application/openmetrics-text", "text/plain"), http::wants_gzip(accept_encoding)};
}

Exposition::Exposition(metrics::Page page, std::shared_ptr<const FieldSet> fields)
    : page_(std::move(page)), fields_(std::move(fields)) {}

std::shared_ptr<const std::string> Exposition::render(Form form) const {
  Rendered& rendered = forms_[form.index()];
  std::call_once(rendered.once, [&] {
    std::string text = form.openmetrics ? metrics::write_openmetrics(page_) : metrics::write_text(page_);
    rendered.text = std::make_shared<const std::string>(form.gzip ? http::gzip(text) : std::move(text));
  });
  return rendered.text;
}

}  // namespace tessera::agent
