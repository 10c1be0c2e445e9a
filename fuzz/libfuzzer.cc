// The libFuzzer program of all targets: FUZZ_TARGET names the one to run.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.h"

namespace {

const agent_exporter::fuzz::Target& Chosen() {
  const char* name = std::getenv("FUZZ_TARGET");
  for (const auto& target : agent_exporter::fuzz::Targets()) {
    if (name != nullptr && std::string_view(target.name) == name) return target;
  }
  std::fprintf(stderr, "set FUZZ_TARGET to the name of a target in fuzz/targets.cc\n");
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const agent_exporter::fuzz::Target& target = Chosen();
  target.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
