// Fuzz target: the files below /proc and the cgroup files. The kernel writes them, but processes choose names
// in them, they may be cut anywhere, and --path.procfs may lead elsewhere.

#include <cmath>
#include <string>
#include <string_view>

#include "fuzz/targets.h"
#include "kernel/parse_host.h"
#include "kernel/parse_process.h"

namespace agent_exporter::fuzz {
namespace {

void FuzzProcessFiles(std::string_view text) {
  kernel::ProcessStat stat;
  if (kernel::ParseStat(text, 100, &stat).ok()) {
    Require(stat.key.pid > 0 && text.find(stat.comm) != std::string_view::npos, "a name that is not there");
  }
  for (const bool switches : {false, true}) (void)kernel::ParseStatus(text, switches);
  (void)kernel::IgnoresSignal(text, 15);
  (void)kernel::ParseStatm(text, 4096);
  (void)kernel::ParseIo(text);
  (void)kernel::ParseLimits(text);
  for (const kernel::CgroupMembership& membership : kernel::ParseCgroup(text)) {
    Require(membership.path.starts_with('/'), "a cgroup's path is not from the root");
  }
  size_t bytes = 0;
  for (const std::string& word : kernel::SplitAtNul(text)) bytes += word.size();
  Require(bytes <= text.size(), "words that are not there");
}

void FuzzHostFiles(std::string_view text) {
  (void)kernel::ParseMeminfo(text);
  if (const auto load = kernel::ParseLoadavg(text); load.ok()) {
    for (const double average : load->average) Require(std::isfinite(average), "an infinite load");
  }
  kernel::HostPressure pressure;
  for (const char* resource : {"cpu", "memory", "io"}) (void)kernel::ParsePressure(text, resource, &pressure);
  (void)kernel::ParseFileNr(text);
  (void)kernel::ParseNumber(text);
  (void)kernel::ParseNumberOrMax(text);
  (void)kernel::ParseKeyedNumber(text, "oom_kill");
}

}  // namespace

void FuzzProcFiles(std::string_view data) {
  FuzzProcessFiles(data);
  FuzzHostFiles(data);
}

}  // namespace agent_exporter::fuzz
