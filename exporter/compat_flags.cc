#include "exporter/compat_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "exporter/help_formatter.h"

namespace agent_exporter::exporter {
namespace {

struct Translation {
  std::string_view theirs, ours;  // ours is empty: accepted and ignored
  bool boolean = false;
};

constexpr Translation kTranslations[] = {
    {"children", "--compat.children", true},
    {"config.path", "--compat.process-exporter"},
    {"debug", "--log.level=debug", true},
    {"gather-smaps", "--compat.smaps", true},
    {"h", "--help", true},
    {"help", "--help", true},
    {"man", "--help", true},
    {"procfs", "--path.procfs"},
    {"procnames", "--compat.procnames"},
    {"recheck", "--compat.recheck", true},
    {"threads", "", true},
    {"version", "--version", true},
    {"web.config.file", "--web.config.file"},
    {"web.listen-address", "--web.listen-address"},
    {"web.telemetry-path", "--web.telemetry-path"},
};

}  // namespace

void AddCompatFlags(CLI::App& app, CompatOptions& options) {
  const auto text = [&app](const std::string& name, std::string& value, const std::string& help) {
    app.add_option("--" + name, value, help)->envname(EnvironmentName(name));
  };
  const auto toggle = [&app](const std::string& name, bool& value, const std::string& help) {
    app.add_flag("--" + name, value, help)->envname(EnvironmentName(name));
  };
  text("compat.process-exporter", options.process_exporter,
       "process-exporter's configuration file: serve its metrics, on :9256 unless another address is given");
  text("compat.procnames", options.names, "The same for the processes of these names, separated by commas");
  toggle("compat.children", options.children,
         "Descendants that no rule names belong to the group of their parent; =false switches it off");
  toggle("compat.recheck", options.recheck, "Match every process anew at each scrape");
  toggle("compat.smaps", options.smaps, "Show proportional memory, which is costly to read");
}

bool IsProcessExporter(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return name == "process-exporter" || name == "prometheus-process-exporter";
}

absl::StatusOr<std::vector<std::string>> FromProcessExporter(const std::vector<std::string>& words) {
  std::vector<std::string> ours;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const size_t equals = word.find('=');
    std::string_view name = word.substr(0, equals);
    name.remove_prefix(name.starts_with("--") ? 2 : name.starts_with("-") ? 1 : name.size());
    const auto* flag = std::find_if(std::begin(kTranslations), std::end(kTranslations),
                                    [&](const Translation& one) { return one.theirs == name; });
    if (flag == std::end(kTranslations)) {
      return absl::InvalidArgumentError(
          absl::StrCat("process-exporter's ", words[i],
                       " is not understood; write what it says into a configuration file (-config.path)"));
    }
    std::string value = equals == std::string_view::npos ? "" : words[i].substr(equals + 1);
    if (equals == std::string_view::npos && flag->boolean) value = "true";
    if (equals == std::string_view::npos && !flag->boolean) {
      if (i + 1 == words.size()) return absl::InvalidArgumentError(absl::StrCat(words[i], " needs a value"));
      value = words[++i];
    }
    const std::string name_of_ours(flag->ours);
    if (!flag->boolean || name_of_ours.starts_with("--compat.")) {
      ours.push_back(absl::StrCat(name_of_ours, "=", value));
    } else if (!name_of_ours.empty() && value != "false") {
      ours.push_back(name_of_ours);
    }
  }
  return ours;
}

}  // namespace agent_exporter::exporter
