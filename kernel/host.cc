#include "kernel/host.h"

#include <optional>
#include <string_view>

#include "kernel/parse_host.h"

namespace agent_exporter::kernel {

HostSample HostReader::Read() {
  HostSample sample;
  // Reads and parses one file; counts a failure under `name`.
  const auto read = [this](const std::string& path, std::string_view name, auto parse) {
    const absl::StatusOr<std::string_view> text = proc_.Read(path, &buffer_);
    auto value = text.ok() ? parse(*text) : decltype(parse(*text))(text.status());
    if (!value.ok()) unreadable_.Count(name, value.status());
    return value.ok() ? std::make_optional(*value) : std::nullopt;
  };

  sample.memory = read("meminfo", "meminfo", ParseMeminfo);
  sample.load = read("loadavg", "loadavg", ParseLoadavg);
  sample.pid_max = read("sys/kernel/pid_max", "pid_max", ParseNumber);
  sample.threads_max = read("sys/kernel/threads-max", "threads-max", ParseNumber);
  sample.oom_kills =
      read("vmstat", "vmstat", [](std::string_view text) { return ParseKeyedNumber(text, "oom_kill"); });
  if (const std::optional<FileHandles> handles = read("sys/fs/file-nr", "file-nr", ParseFileNr)) {
    sample.open_fds = handles->used;
    sample.max_fds = handles->max;
  }

  for (const std::string_view resource : {"cpu", "memory", "io", "irq"}) {
    const absl::StatusOr<std::string_view> text = proc_.Read("pressure/" + std::string(resource), &buffer_);
    const absl::Status status = text.ok() ? ParsePressure(*text, resource, &sample.pressure) : text.status();
    // A kernel built without PSI has no such file; a kernel booted without PSI refuses the read.
    if (!status.ok() && !absl::IsNotFound(status) && !absl::IsUnimplemented(status)) {
      unreadable_.Count("pressure", status);
    }
  }
  return sample;
}

absl::StatusOr<uint64_t> ReadBootTime(const RootedReader& proc) {
  std::string buffer;
  const absl::StatusOr<std::string_view> text = proc.Read("stat", &buffer);
  if (!text.ok()) return text.status();
  return ParseKeyedNumber(*text, "btime");
}

}  // namespace agent_exporter::kernel
