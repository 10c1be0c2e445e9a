// The entry point. Everything else is in libraries.

#include <exception>
#include <iostream>
#include <variant>

#include "exporter/commands.h"
#include "exporter/leave.h"
#include "exporter/options.h"

namespace agent_exporter::exporter {
namespace {

int Run(int argc, char** argv) {
  auto parsed = ParseCommandLine(argc, argv);
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
    std::cout << early->out;
    std::cerr << early->err;
    return early->code;
  }
  const Options& options = std::get<Options>(parsed);
  switch (options.command) {
    case Command::kServe:
      return RunServe(options, base::SystemClock);
    case Command::kStatus:
      return RunStatus(options, std::cout, std::cerr);
    case Command::kTraits:
      return RunTraits(options, std::cout, std::cerr);
    case Command::kExplain:
      return RunExplain(options, std::cout, std::cerr);
    case Command::kFds:
      return RunFds(options, std::cout, std::cerr);
    case Command::kCheckConfig:
      return RunCheckConfig(options, std::cout, std::cerr);
    case Command::kDoctor:
      return RunDoctor(options, std::cout, std::cerr);
    case Command::kOpen:
      return RunOpen(options, std::cout, std::cerr);
    case Command::kEvent:
      return RunEvent(options, std::cout, std::cerr);
    case Command::kSnapshot:
      return RunSnapshot(options, std::cout, std::cerr);
    case Command::kRun:
      return RunRun(options, std::cerr);
    case Command::kStatusline:
      return RunStatusline(options, std::cout, std::cerr);
    case Command::kTmuxStatus:
      return RunTmuxStatus(options, std::cout);
    case Command::kDiagnoseExit:
      return RunDiagnoseExit(options, std::cout, std::cerr);
    case Command::kImport:
      return RunImport(options, std::cout, std::cerr);
  }
  return 2;
}

}  // namespace
}  // namespace agent_exporter::exporter

int main(int argc, char** argv) {
  try {
    return agent_exporter::exporter::Leave(agent_exporter::exporter::Run(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "agent_exporter: " << error.what() << "\n";
    return 1;
  }
}
