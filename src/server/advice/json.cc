#include "server/advice/json.h"

#include <nlohmann/json.hpp>

#include "server/api_json.h"
#include "server/cost/json.h"

namespace tessera::server {
namespace {

Json money_or_null(const std::optional<fleet::Micros>& micros) { return micros ? money_json(*micros) : Json(nullptr); }

Json step_json(const fleet::advice::Step& of) {
  return {{"by", of.by}, {"text", of.text}, {"word", text_or_null(of.word)}, {"values", of.values}};
}

Json answer_json(const store::AdviceAnswer& of) {
  return {{"time", time_json(of.at)},
          {"by", of.by},
          {"until", time_or_null(of.until)},
          {"reason", text_or_null(of.reason)},
          {"savingPerMonth", money_or_null(of.per_month)}};
}

}  // namespace

std::string advice_body(const fleet::advice::Advice& of) {
  Json numbers = Json::array();
  for (const auto& one : of.evidence.numbers)
    numbers.push_back({{"name", one.name}, {"value", one.value}, {"unit", one.unit}});
  const auto& subject = of.subject;
  Json owners = Json::array();
  for (const auto& one : subject.owners) owners.push_back({{"kind", one.kind}, {"name", one.name}});
  return json_text({{"sentence", of.sentence},
                    {"aim", of.aim},
                    {"subject",
                     {{"cluster", subject.cluster},
                      {"namespace", text_or_null(subject.space)},
                      {"kind", text_or_null(subject.kind)},
                      {"name", text_or_null(subject.name)},
                      {"team", text_or_null(subject.team)},
                      {"project", text_or_null(subject.project)},
                      {"deviceId", text_or_null(subject.device_id)},
                      {"deviceUuid", text_or_null(subject.device_uuid)},
                      {"model", text_or_null(subject.model)},
                      {"pods", subject.pods},
                      {"owners", std::move(owners)}}},
                    {"evidence",
                     {{"from", time_json(of.evidence.from)},
                      {"to", time_json(of.evidence.to)},
                      {"observedShare", of.evidence.observed},
                      {"numbers", std::move(numbers)}}},
                    {"reckoned", of.saving ? Json(of.saving->how)
                                 : of.cost ? Json(of.cost->how)
                                           : Json(nullptr)},
                    {"costPerMonth", of.cost ? money_json(of.cost->per_month) : Json(nullptr)},
                    {"confidence", of.confidence},
                    {"confidenceWord", fleet::advice::confidence_word(of.confidence)},
                    {"risk", of.risk},
                    {"change", step_json(of.change)},
                    {"undo", step_json(of.undo)}});
}

fleet::advice::Subject subject_of_body(const std::string& body) {
  fleet::advice::Subject out;
  const Json read = Json::parse(body, nullptr, false);
  if (!read.is_object() || !read.contains("subject") || !read["subject"].is_object()) return out;
  const Json& subject = read["subject"];
  const auto text_in = [](const Json& of, const char* name) {
    return of.contains(name) && of[name].is_string() ? of[name].get<std::string>() : std::string();
  };
  const auto text = [&](const char* name) { return text_in(subject, name); };
  out.cluster = text("cluster");
  out.space = text("namespace");
  out.kind = text("kind");
  out.name = text("name");
  out.team = text("team");
  out.project = text("project");
  out.device_id = text("deviceId");
  out.device_uuid = text("deviceUuid");
  out.model = text("model");
  if (subject.contains("pods") && subject["pods"].is_array())
    for (const Json& one : subject["pods"])
      if (one.is_string()) out.pods.push_back(one.get<std::string>());
  if (subject.contains("owners") && subject["owners"].is_array())
    for (const Json& one : subject["owners"])
      if (one.is_object()) out.owners.push_back({text_in(one, "kind"), text_in(one, "name")});
  if (out.owners.empty() && !out.name.empty()) out.owners = {{out.kind, out.name}};  // as it was kept before
  return out;
}

Json advice_json(const AdviceTold& of) {
  Json out = {{"id", of.said.id},
              {"kind", of.said.kind},
              {"state", store::advice_state_name(of.state)},
              {"standing", of.said.standing},
              {"reopened", of.reopened},
              {"firstSaid", time_json(of.said.first_said)},
              {"lastSaid", time_json(of.said.last_said)},
              {"savingPerMonth", money_or_null(of.said.per_month)},
              {"costPerMonth", nullptr}};  // older bodies do not say it
  if (const Json body = Json::parse(of.said.body, nullptr, false); body.is_object()) out.update(body);
  out["answer"] = of.answer ? answer_json(*of.answer) : Json(nullptr);
  return out;
}

Json realised_json(const Realised& of) {
  const bool known = of.per_month.has_value();
  return {{"known", known},
          {"from", time_json(of.from)},
          {"accepted", time_json(of.accepted)},
          {"to", time_json(of.to)},
          {"before", money_or_null(of.before)},
          {"after", money_or_null(of.after)},
          {"savingPerMonth", money_or_null(of.per_month)}};
}

}  // namespace tessera::server
