// serve with a clock whose CLOCK_BOOTTIME, which evidence of leaks is gathered by, runs FAST_CLOCK times as
// fast: a leak of a minute and a half is judged by the rules that one of hours is. All that it tells in
// seconds of that clock (seconds to the limit, ages) is as much longer.

#include <cstdlib>
#include <iostream>
#include <string>
#include <variant>

#include "base/clock.h"
#include "exporter/commands.h"
#include "exporter/options.h"

int main(int argc, char** argv) {
  namespace ae = agent_exporter;
  const char* text = std::getenv("FAST_CLOCK");
  const double factor = text == nullptr ? 1 : std::stod(text);
  const auto parsed = ae::exporter::ParseCommandLine(argc, argv);
  if (const auto* early = std::get_if<ae::exporter::EarlyExit>(&parsed)) {
    std::cerr << early->err;
    return early->code;
  }
  const double begun = ae::base::SystemClock().boottime;
  return ae::exporter::RunServe(std::get<ae::exporter::Options>(parsed), [begun, factor] {
    ae::base::ClockReading now = ae::base::SystemClock();
    now.boottime = begun + (now.boottime - begun) * factor;
    return now;
  });
}
