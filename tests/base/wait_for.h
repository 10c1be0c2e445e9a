// Waiting on a condition that other threads or processes bring about.

#ifndef AGENT_EXPORTER_TESTS_BASE_WAIT_FOR_H_
#define AGENT_EXPORTER_TESTS_BASE_WAIT_FOR_H_

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace agent_exporter::base {

// False when the condition did not come true within a minute: patience, not a measure of speed.
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

// No such process, or one that nobody has waited for yet.
inline bool HasEnded(pid_t pid) {
  const std::string stat = TextOfFile("/proc/" + std::to_string(pid) + "/stat");
  return stat.empty() || stat.at(stat.rfind(')') + 2) == 'Z';
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_TESTS_BASE_WAIT_FOR_H_
