#include "store/label_text.h"

#include <gtest/gtest.h>

namespace tessera::store {
namespace {

TEST(LabelText, ComesBackAsItWas) {
  using Labels = std::map<std::string, std::string>;
  for (const Labels& labels : {Labels{}, Labels{{"app", "web"}}, Labels{{"a", "x=y"}, {"b/c.d-e", ""}},
                               Labels{{"note", "two\nlines \\n and a \\"}, {"z", "\n"}}}) {
    EXPECT_EQ(labels_of(label_text(labels)), labels) << label_text(labels);
  }
  EXPECT_EQ(label_text({{"a", "1"}, {"b", "2"}}), "a=1\nb=2\n");
}

}  // namespace
}  // namespace tessera::store
