#include "exporter/run_options.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstring>

#include "exporter/help_formatter.h"

namespace agent_exporter::exporter {
namespace {

// Given once, --stderr-substring replaces the default.
void AddStderrFilter(CLI::App& command, run::StderrFilter& filter) {
  command
      .add_option("--stderr-prefix", filter.prefixes,
                  "Lines of stderr that start so say nothing about the end; repeatable")
      ->allow_extra_args(false);
  command
      .add_option("--stderr-substring", filter.substrings,
                  "Lines of stderr that hold this say nothing about the end; repeatable")
      ->allow_extra_args(false)
      ->default_str("node's warning about NODE_TLS_REJECT_UNAUTHORIZED");
}

}  // namespace

CLI::App* AddRunCommand(CLI::App& app, RunOptions& options) {
  CLI::App* run = app.add_subcommand("run", "Start a command, watch it from outside and say why it ended");
  run->footer(" -- CMD ARG...");  // ends the usage line
  run->add_option("--name", options.name, "The agent label (default: the command's name)");
  run->add_option("--kind", options.kind, "The kind label");
  run->add_option("--slot", options.slot, "The slot label");
  run->add_option("--listen", options.listen,
                  "Serve /metrics here, [host]:port; without it, a serve on this host shows them (--socket)")
      ->allow_extra_args(false)
      ->delimiter(',');
  run->add_option("--interval", options.interval,
                  "Sample interval, such as 1s; 0: one sample at the start (default: 1s, 5s without events)");
  run->add_flag("--no-sampler", options.no_sampler, "Take no samples; the exit is still explained");
  run->add_flag("--capture-stderr", options.capture_stderr,
                "Keep the last lines of stderr for the diagnosis; it is passed through unchanged");
  AddStderrFilter(*run, options.stderr_filter);
  run->add_option("--diagnosis-file", options.diagnosis_file, "Write the diagnosis to this file as JSON");
  for (CLI::Option* option : run->get_options()) {
    if (option != run->get_help_ptr()) option->envname(EnvironmentName(option->get_lnames().front()));
  }
  return run;
}

CLI::App* AddDiagnoseExitCommand(CLI::App& app, DiagnoseOptions& options) {
  CLI::App* diagnose = app.add_subcommand(
      "diagnose-exit", "Explain an exit code or signal, with the last measurements if given");
  CLI::Option* code =
      diagnose->add_option("--code", options.code, "The exit code")->check(CLI::Range(0, 255));
  diagnose->add_option("--signal", options.signal, "The signal, by name or number")->excludes(code);
  diagnose->add_flag("--self-kill", options.self_killed, "The signal was sent on purpose");
  diagnose
      ->add_option("--oom", options.oom, "Whether the kernel reports an OOM kill: confirmed, denied, unclear")
      ->check(CLI::IsMember({"confirmed", "denied", "unclear"}));
  diagnose->add_option("--name", options.name, "Name of the task");
  diagnose->add_option("--kind", options.kind, "Its kind");
  diagnose->add_option("--slot", options.slot, "Its slot");
  diagnose->add_option("--rss", options.resident_bytes, "Last resident memory measured from outside, bytes");
  diagnose->add_option("--cpu", options.cpu_ratio,
                       "Last CPU ratio measured from outside, 1.0 = one full core");
  diagnose->add_option("--sample-age", options.sample_age, "Age of these measurements at the exit, seconds");
  diagnose->add_option("--heap-used", options.heap_used_bytes, "Heap use that the task reported, bytes");
  diagnose->add_option("--heap-limit", options.heap_limit_bytes, "Heap limit, bytes");
  diagnose->add_option("--in-process-rss", options.in_process_resident_bytes,
                       "Resident memory that the task reported, bytes");
  diagnose->add_option("--stderr-file", options.stderr_file, "File with the task's stderr");
  AddStderrFilter(*diagnose, options.stderr_filter);
  diagnose->add_flag("--json", options.json, "Print JSON instead");
  return diagnose;
}

std::optional<int> SignalNumber(const std::string& text) {
  int number = 0;
  const char* end = text.data() + text.size();
  if (const auto parsed = std::from_chars(text.data(), end, number); parsed.ec == std::errc()) {
    return parsed.ptr == end && number > 0 && number < NSIG ? std::optional(number) : std::nullopt;
  }
  const std::string name = text.starts_with("SIG") ? text.substr(3) : text;
  for (number = 1; number < NSIG; ++number) {
    const char* known = sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  return std::nullopt;
}

}  // namespace agent_exporter::exporter
