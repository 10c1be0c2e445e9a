#include "base/pidfile.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/base/hanging_file.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::base {
namespace {

std::optional<pid_t> Read(const std::string& text) {
  const kernel::FakeTree tree;
  tree.Write("pid", text);
  return ReadPidfile(tree.root() + "/pid");
}

TEST(Pidfile, IsTheNumberThatTheFileStartsWith) {
  for (const char* text : {"12", "12\n", " 12", "12 x\n", "12\n/var/lib/postgresql\n5432\n", "0012\n"}) {
    EXPECT_EQ(Read(text), 12) << text;
  }
}

TEST(Pidfile, WhatIsNoPidIsNone) {
  for (const char* text : {"", "\n", "x", "pid 5", "-12", "12x", "0", "99999999999", "1.5"}) {
    EXPECT_EQ(Read(text), std::nullopt) << text;
  }
}

TEST(Pidfile, OnlyARegularFileIsRead) {
  const kernel::FakeTree tree;
  EXPECT_EQ(ReadPidfile(tree.root()), std::nullopt);
  EXPECT_EQ(ReadPidfile("/dev/zero"), std::nullopt);
  EXPECT_EQ(ReadPidfile(tree.root() + "/missing"), std::nullopt);
  BoundedReads reads({.patience = std::chrono::hours(1)});
  const HangingFile fifo(tree.root() + "/fifo");
  EXPECT_EQ(ReadPidfile(tree.root() + "/fifo", reads), std::nullopt) << "and without waiting for its writer";
}

}  // namespace
}  // namespace agent_exporter::base
