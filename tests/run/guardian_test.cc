#include "run/guardian.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

namespace agent_exporter::run {
namespace {

// Another end of a pipe that it kept would keep the pipe's reader waiting for as long as the task runs.
TEST(Guardian, HoldsNoDescriptorOfOthersHoweverHigh) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &raised), 0);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const base::Descriptor reader(ends[0]);
  base::Descriptor low(ends[1]), high(fcntl(low.get(), F_DUPFD_CLOEXEC, 1500));
  if (!high.ok()) GTEST_SKIP() << "needs descriptors beyond 1500; the hard limit is " << limit.rlim_max;
  for (const bool capture : {false, true}) {
    auto guardian = Guardian::Start(capture);
    ASSERT_TRUE(guardian.ok()) << guardian.status();
    (*guardian)->Flush();  // it has begun its work
    if (capture) {
      low.Close();
      high.Close();
      pollfd closed{reader.get(), POLLIN, 0};
      EXPECT_EQ(poll(&closed, 1, 30'000), 1) << "it holds the pipe open";
    }
  }
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace agent_exporter::run
