// The serve that runs on this host, as the other commands find it through its socket (run/ask.h): they use
// its configuration, addresses and token, and its figures where they show the same.
//
// Thread safety: values and free functions.

#ifndef AGENT_EXPORTER_EXPORTER_RUNNING_SERVICE_H_
#define AGENT_EXPORTER_EXPORTER_RUNNING_SERVICE_H_

#include <sys/types.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "exporter/options.h"
#include "run/ask.h"
#include "serve/sampler.h"
#include "sessions/agent_meta.h"
#include "sessions/session.h"

namespace agent_exporter::exporter {

struct RunningService {
  std::string socket;
  pid_t pid = 0;
  // Absolute paths; empty: none is used.
  std::string config_file, web_config_file, token_file;
  std::string procfs, sysfs;
  std::vector<std::string> urls;  // "http://localhost:10058", one per address
  std::string telemetry_path;

  // "the service with pid 12 (/etc/agent_exporter/config.yaml)"
  std::string Text() const;
  absl::StatusOr<std::string> Ask(const nlohmann::json& question) const;
  // Fills in what the command line did not set.
  Options Applied(Options options) const;
};

// NotFound: none listens, --socket is none, or the command line names another configuration or another
// procfs. PermissionDenied: one runs as another user. The message is one line for a person. A --socket that
// names a path must work: FailedPrecondition if it does not.
absl::StatusOr<RunningService> FindService(const Options& options);

// serve's side: answers "service", "status" and "traits". `urls`: where it listens. Borrows the options and
// the sampler.
run::Answerer ServiceAnswers(const Options& options, std::vector<std::string> urls, serve::Sampler& sampler,
                             sessions::MetaSource meta, sessions::SessionSource sessions);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_RUNNING_SERVICE_H_
