// Our coding beside protobuf's own: both read what the other writes as the same.
#include <gtest/gtest.h>

#include "remote_write.pb.h"
#include "wire/random_request.h"
#include "wire/request_writer.h"

namespace tessera::wire {
namespace {

/// Written by protobuf after reading is the canonical form, whatever order of fields was read.
template <class Message>
std::string rewritten(std::string_view bytes) {
  Message message;
  EXPECT_TRUE(message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return message.SerializeAsString();
}

std::string rewritten(Protocol protocol, std::string_view bytes) {
  return protocol == Protocol::V1 ? rewritten<peer::WriteRequestV1>(bytes) : rewritten<peer::RequestV2>(bytes);
}

TEST(Peer, ReadsAndWritesTheSame) {
  for (unsigned seed = 0; seed < 200; ++seed)
    for (const auto protocol : {Protocol::V1, Protocol::V2}) {
      const WriteRequest request = RandomRequest(seed)(protocol);
      const std::string ours = encode(protocol, request);
      const std::string theirs = rewritten(protocol, ours);
      ASSERT_EQ(theirs.size(), ours.size()) << seed;
      ASSERT_EQ(*decode(protocol, theirs), request) << seed;
    }
}

TEST(Peer, ReadsTheWritersOrderOfFields) {
  for (const auto protocol : {Protocol::V1, Protocol::V2}) {
    RequestWriter writer(protocol);
    const metrics::Label labels[] = {{"GPU_I_ID", "7"}, {"UUID", "GPU-1"}, {"gpu", "0"}, {"pod", "p"}};
    const metrics::Label trace[] = {{"trace_id", "x"}};
    for (const auto* name : {"a", "b"}) {
      writer.sample(writer.metric(name, metrics::Kind::Counter, "help", "unit"), writer.labels(labels), 0.25,
                    1'793'210'400'123);
      writer.exemplar(trace, 3, 4);
      writer.exemplar(trace, 5, 6);
    }
    const std::string message(writer.finish(RequestWriter::MetadataList::With));
    const auto ours = decode(protocol, message);
    ASSERT_TRUE(ours);
    EXPECT_EQ(*decode(protocol, rewritten(protocol, message)), *ours);
    ASSERT_EQ(ours->series.size(), 2U);
    EXPECT_EQ(ours->series[1].exemplars.size(), 2U);
    EXPECT_EQ(ours->series[1].labels.size(), 5U);
  }
}
}  // namespace
}  // namespace tessera::wire
