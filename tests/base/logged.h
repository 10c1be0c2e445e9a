// What is logged while it lives.

#ifndef AGENT_EXPORTER_TESTS_BASE_LOGGED_H_
#define AGENT_EXPORTER_TESTS_BASE_LOGGED_H_

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

namespace agent_exporter::base {

class Logged {
 public:
  Logged() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_, /*force_flush=*/true)));
  }
  ~Logged() { spdlog::set_default_logger(before_); }
  Logged(const Logged&) = delete;
  Logged& operator=(const Logged&) = delete;

  std::string text() const { return lines_.str(); }
  size_t count() const {  // of lines
    const std::string all = text();
    return static_cast<size_t>(std::count(all.begin(), all.end(), '\n'));
  }

 private:
  const std::shared_ptr<spdlog::logger> before_;
  std::ostringstream lines_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_TESTS_BASE_LOGGED_H_
