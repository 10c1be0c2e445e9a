// `agent_exporter statusline [-- CMD ARG...]`: the status line command of Claude Code. Keeps what Claude Code
// says of the session for the exporter, and prints a line: the wrapped command's, or a short one of its own.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>

#include "base/bounded_command.h"
#include "base/clock.h"
#include "base/files.h"
#include "exporter/commands.h"
#include "exporter/text_table.h"
#include "sessions/statusline_file.h"

namespace agent_exporter::exporter {
namespace {

constexpr size_t kMostInput = 1 << 20;
constexpr std::chrono::milliseconds kWrappedLimit{5000};

std::string ReadInput() {
  std::string text;
  char buffer[16 << 10];
  while (text.size() < kMostInput) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

// Below the user's runtime directory, else in their cache.
std::string PlaceOfStatuslines() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return runtime;
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.cache" : "";
}

// Nobody reads the errors of a status line: what cannot be kept is not.
void Keep(const sessions::Statusline& line) {
  std::string folder = PlaceOfStatuslines();
  if (folder.empty()) return;
  ::mkdir(folder.c_str(), 0700);
  for (const char* name : {"/agent_exporter", "/claude"}) {
    folder += name;
    ::mkdir(folder.c_str(), 0700);
  }
  (void)base::ReplaceFile(base::System::Real(), fmt::format("{}/{}.json", folder, line.session_id),
                          sessions::StatuslineText(line), {.flush = false});
}

std::string OwnLine(const sessions::Statusline& line) {
  std::string text = line.model.value_or("");
  if (line.context_tokens && line.context_window.value_or(0) > 0) {
    text += fmt::format(
        "{}{:.0f}% context", text.empty() ? "" : " · ",
        100 * static_cast<double>(*line.context_tokens) / static_cast<double>(*line.context_window));
  }
  for (const sessions::PlanLimit& limit : line.limits) {
    text += fmt::format("{}{:.0f}% of {}", text.empty() ? "" : " · ", 100 * limit.used_ratio, limit.window);
  }
  return text;
}

}  // namespace

int RunStatusline(const Options& options, std::ostream& out, std::ostream& err) {
  const std::string input = ReadInput();
  const auto line = sessions::ParseStatuslineInput(input, base::SystemClock().wall);
  if (line.ok()) Keep(*line);
  if (!options.wrapped.empty()) {
    const auto result =
        base::RunBounded({.argv = options.wrapped, .input = input, .time_limit = kWrappedLimit});
    if (!result.ok()) return Fail(result.status(), err);
    out << result->out << std::flush;
    err << result->err << std::flush;
    return result->exit_code.value_or(128 + result->signal);
  }
  if (!line.ok()) return Fail(line.status(), err);
  out << Printable(OwnLine(*line)) << std::endl;
  return 0;
}

}  // namespace agent_exporter::exporter
