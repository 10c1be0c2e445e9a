// Waits for a condition that another thread or process makes true.

#ifndef AGENT_EXPORTER_TESTS_BASE_WAIT_FOR_H_
#define AGENT_EXPORTER_TESTS_BASE_WAIT_FOR_H_

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace agent_exporter::base {

// False if the condition is not true within a minute, which is a limit for hangs, not for speed.
template <typename Condition>
bool WaitFor(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline std::string TextOfFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// True if the process is gone or a zombie.
inline bool HasEnded(pid_t pid) {
  const std::string stat = TextOfFile("/proc/" + std::to_string(pid) + "/stat");
  return stat.empty() || stat.at(stat.rfind(')') + 2) == 'Z';
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_TESTS_BASE_WAIT_FOR_H_
