#include "kernel/process_source.h"

#include <utility>

namespace agent_exporter::kernel {

absl::Status ProcessSource::ReadSome(absl::Span<const ProcessKey> keys, std::vector<ProcessStat>* rows) {
  rows->clear();
  rows->reserve(keys.size());
  for (const ProcessKey& key : keys) {
    if (auto row = ReadOne(key); row.ok()) rows->push_back(*std::move(row));
  }
  return absl::OkStatus();
}

}  // namespace agent_exporter::kernel
