// Shared by several commands: making a Watch, choosing collectors, turning errors into exit codes.

#include <unistd.h>

#include <utility>

#include "absl/strings/str_split.h"
#include "base/bounded_reads.h"
#include "collectors/collector.h"
#include "exporter/commands.h"
#include "exporter/text_table.h"
#include "serve/pane_watch.h"

namespace agent_exporter::exporter {

absl::StatusOr<std::unique_ptr<serve::Watch>> MakeOneShotWatch(const Options& options) {
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return config.status();
  base::BoundedReads::Shared().SetPatience(std::chrono::seconds(1));
  auto watch = MakeWatch({.procfs = options.procfs, .sysfs = options.sysfs}, *std::move(config));
  if (!watch.ok()) return watch;
  agents::Observer& observer = (*watch)->observer();
  const auto adopt = [&observer](serve::PaneWatch::Panes panes) { observer.SetPanes(std::move(panes)); };
  serve::PaneWatch({.list = serve::ListPanes, .changed = adopt}, base::System::Real())
      .SetRules(observer.rules().rules());
  return watch;
}

absl::StatusOr<std::unique_ptr<serve::Watch>> MakeWatch(serve::WatchOptions options, Config config) {
  options.max_agents = config.max_agents;
  options.forget_after_seconds = static_cast<double>(config.forget_after.count());
  return serve::Watch::Make(options, std::move(config.rules));
}

int Fail(const absl::Status& status, std::ostream& err) {
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    err << "agent_exporter: " << Printable({line.data(), line.size()}) << "\n";
  }
  err << std::flush;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

std::set<std::string> EnabledCollectors(const Options& options) {
  std::set<std::string> enabled;
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    const std::string name(row.name);
    const auto flag = options.collectors.find(name);
    const bool on = flag != options.collectors.end()
                        ? flag->second
                        : row.enabled_by_default && !options.disable_default_collectors;
    if (on && !(name == "exporter" && options.disable_exporter_metrics)) enabled.insert(name);
  }
  return enabled;
}

kernel::UsageFields FieldsFor(const std::set<std::string>& enabled) {
  kernel::UsageFields fields{.memory_parts = false, .open_fds = true, .io = false, .context_switches = false};
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    if (enabled.count(std::string(row.name)) == 0) continue;
    fields.memory_parts |= row.needs == collectors::Needs::kMemoryParts;
    fields.io |= row.needs == collectors::Needs::kIo;
    fields.context_switches |= row.needs == collectors::Needs::kContextSwitches;
  }
  return fields;
}

}  // namespace agent_exporter::exporter
