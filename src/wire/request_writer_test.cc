#include "wire/request_writer.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "wire/random_request.h"
#include "wire/staleness.h"

namespace tessera::wire {
namespace {
constexpr Protocol kProtocols[] = {Protocol::V1, Protocol::V2};

std::vector<metrics::Label> views(const std::vector<Label>& labels) {
  std::vector<metrics::Label> out;
  for (const auto& label : labels)
    if (label.name != "__name__") out.push_back({label.name, label.value});
  return out;
}

std::string name_of(const Series& series) { return std::ranges::find(series.labels, "__name__", &Label::name)->value; }

/// Adds every sample of the request as the relay would: label sets once, metrics once.
void add(RequestWriter& writer, const WriteRequest& request) {
  std::map<std::string, MetricRef> metrics;
  std::map<std::vector<std::pair<std::string, std::string>>, LabelsRef> sets;
  for (const auto& series : request.series) {
    const std::string name = name_of(series);
    if (!metrics.contains(name)) {
      const auto listed = std::ranges::find(request.metadata, name, &MetricMetadata::family);
      const Metadata& about = listed == request.metadata.end() ? series.metadata : listed->metadata;
      metrics.emplace(name, writer.metric(name, about.kind, about.help, about.unit));
    }
    const auto labels = views(series.labels);
    std::vector<std::pair<std::string, std::string>> key;
    for (const auto& label : labels) key.emplace_back(label.name, label.value);
    if (!sets.contains(key)) sets.emplace(key, writer.labels(labels));
    for (std::size_t i = 0; i < series.samples.size(); ++i) {
      writer.sample(metrics.at(name), sets.at(key), series.samples[i].value, series.samples[i].time);
      if (i + 1 < series.samples.size()) continue;
      for (const auto& exemplar : series.exemplars)
        writer.exemplar(views(exemplar.labels), exemplar.sample.value, exemplar.sample.time);
    }
  }
}

using Key = std::vector<std::pair<std::string, std::string>>;

/// The series with samples, each with all that is said of it, in the order in which it is said.
std::map<Key, Series> merged(const WriteRequest& request) {
  std::map<Key, Series> out;
  for (const auto& series : request.series) {
    if (series.samples.empty()) continue;
    Key key;
    for (const auto& label : series.labels) key.emplace_back(label.name, label.value);
    Series& all = out[key];
    all.labels = series.labels;
    all.metadata = series.metadata;
    all.samples.insert(all.samples.end(), series.samples.begin(), series.samples.end());
    all.exemplars.insert(all.exemplars.end(), series.exemplars.begin(), series.exemplars.end());
  }
  return out;
}

TEST(RequestWriter, SaysWhatEncodeSays) {
  for (const auto protocol : kProtocols) {
    RequestWriter writer(protocol);  // one for all: nothing may be left of the request before
    for (unsigned seed = 0; seed < 100; ++seed) {
      const WriteRequest request = RandomRequest(seed)(protocol);
      add(writer, request);
      const std::size_t bound = writer.bytes();
      const std::size_t samples = writer.samples();
      const auto message = writer.finish();
      EXPECT_LE(message.size(), bound);
      EXPECT_TRUE(writer.empty());
      const auto written = decode(protocol, message);
      ASSERT_TRUE(written) << seed << ": " << written.error().what;
      EXPECT_EQ(written->series.size(), samples) << seed;  // one sample each
      EXPECT_EQ(merged(*written), merged(*decode(protocol, encode(protocol, request)))) << seed;
    }
  }
}

TEST(RequestWriter, WritesPairsInWholePiecesAndTheNameBeforeTheMetadata) {
  RequestWriter writer(Protocol::V2);
  const metrics::Label labels[] = {{"UUID", "u"}, {"gpu", "0"}};
  const auto metric = writer.metric("m", metrics::Kind::Gauge, "h", "");
  writer.sample(metric, writer.labels(labels), 1.0, 5);
  using namespace std::string_literals;
  EXPECT_EQ(writer.finish(),
            "\x22\x00\x22\x08__name__\x22\x01m\x22\x01h\x22\x04UUID\x22\x01u\x22\x03gpu\x22\x01"
            "0"
            "\x2a\x1d"
            "\x0a\x04\x04\x05\x01\x02"
            "\x2a\x04\x08\x02\x18\x03"
            "\x12\x0b\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x05"
            "\x0a\x02\x06\x07"s);
}

TEST(RequestWriter, GroupsByLabelSetAndKeepsTheOrderWithinASeries) {
  for (const auto protocol : kProtocols) {
    RequestWriter writer(protocol);
    const metrics::Label a[] = {{"l", "a"}};
    const metrics::Label b[] = {{"l", "b"}};
    const auto m = writer.metric("m", metrics::Kind::Gauge, "", "");
    const auto n = writer.metric("n", metrics::Kind::Gauge, "", "");
    const auto la = writer.labels(a);
    const auto lb = writer.labels(b);
    for (int i = 0; i < 3; ++i)
      for (const auto metric : {m, n})
        for (const auto labels : {la, lb}) writer.sample(metric, labels, i, i);
    const auto back = decode(protocol, writer.finish());
    ASSERT_TRUE(back);
    std::string order;
    for (const auto& series : back->series)
      order += series.labels[0].value + series.labels[1].value + std::to_string(series.samples[0].time) + " ";
    EXPECT_EQ(order, "ma0 na0 ma1 na1 ma2 na2 mb0 nb0 mb1 nb1 mb2 nb2 ");
  }
}

TEST(RequestWriter, ListsMetadataOncePerFamilyWhereAsked) {
  RequestWriter writer(Protocol::V1);
  const auto fill = [&] {
    const auto none = writer.labels({});
    for (const auto* name : {"h_bucket", "h_sum", "h_count"})
      writer.sample(writer.metric(name, metrics::Kind::Histogram, "H.", "s", "h"), none, 1, 1);
    writer.sample(writer.metric("c", metrics::Kind::Counter, "C.", ""), none, 1, 1);
  };
  fill();
  EXPECT_TRUE(decode(Protocol::V1, writer.finish())->metadata.empty());
  fill();
  EXPECT_EQ(decode(Protocol::V1, writer.finish(RequestWriter::MetadataList::With))->metadata,
            (std::vector<MetricMetadata>{{"h", {metrics::Kind::Histogram, "H.", "s"}},
                                         {"c", {metrics::Kind::Counter, "C.", ""}}}));
}

TEST(RequestWriter, KeepsTheStalenessMarkerAndTheTenByteTime) {
  for (const auto protocol : kProtocols) {
    RequestWriter writer(protocol);
    const auto metric = writer.metric("m", metrics::Kind::Unknown, "", "");
    const auto labels = writer.labels({});
    for (const EpochMs time : {EpochMs{0}, EpochMs{-1}, EpochMs{-1}, EpochMs{0}})
      writer.sample(metric, labels, stale_marker(), time);
    const auto back = decode(protocol, writer.finish());
    ASSERT_TRUE(back);
    std::vector<EpochMs> times;
    for (const auto& series : back->series) {
      EXPECT_TRUE(is_stale(series.samples[0].value));
      times.push_back(series.samples[0].time);
    }
    EXPECT_EQ(times, (std::vector<EpochMs>{0, -1, -1, 0}));
  }
}

TEST(RequestWriter, TakesLabelSetsOfAnySize) {
  for (const auto protocol : kProtocols) {
    RequestWriter writer(protocol);
    std::vector<std::string> names;
    for (int i = 0; i < 200; ++i) names.push_back((i < 100 ? "A" : "b") + std::to_string(1000 + i));
    std::vector<metrics::Label> labels;
    for (const auto& name : names) labels.push_back({name, name});
    writer.sample(writer.metric(std::string(5000, 'm'), metrics::Kind::Unknown, "", ""), writer.labels(labels), 1, 1);
    const auto back = decode(protocol, writer.finish());
    ASSERT_TRUE(back);
    ASSERT_EQ(back->series[0].labels.size(), 201U);
    EXPECT_EQ(back->series[0].labels[100].value.size(), 5000U);
    EXPECT_EQ(back->series[0].labels[200], (Label{"b1199", "b1199"}));
  }
}

TEST(RequestWriter, IsEmptyAfterClear) {
  RequestWriter writer(Protocol::V2);
  const auto generation = writer.generation();
  writer.sample(writer.metric("m", metrics::Kind::Gauge, "h", ""), writer.labels({}), 1, 1);
  EXPECT_EQ(writer.samples(), 1U);
  EXPECT_EQ(writer.generation(), generation);
  writer.clear();
  EXPECT_NE(writer.generation(), generation);
  EXPECT_EQ(writer.samples(), 0U);
  EXPECT_EQ(*decode(Protocol::V2, writer.finish()), WriteRequest{});
}
}  // namespace
}  // namespace tessera::wire
