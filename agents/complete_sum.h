// A sum that is unknown if any part is unknown, because a partial sum would look complete.
//
// Thread safety: a value.

#ifndef AGENT_EXPORTER_AGENTS_COMPLETE_SUM_H_
#define AGENT_EXPORTER_AGENTS_COMPLETE_SUM_H_

#include <cstdint>
#include <optional>

namespace agent_exporter::agents {

class CompleteSum {
 public:
  void Add(std::optional<uint64_t> part) {
    value_ = value_ && part ? std::optional(*value_ + *part) : std::nullopt;
  }

  // 0 before the first part.
  std::optional<uint64_t> value() const { return value_; }

 private:
  std::optional<uint64_t> value_ = 0;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_COMPLETE_SUM_H_
