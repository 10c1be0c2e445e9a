#include "tests/e2e/exporter_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>
#include <utility>

namespace agent_exporter::e2e {
namespace {

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

std::string ReadToEnd(int fd) {
  std::string text;
  char piece[65536];
  while (true) {
    const ssize_t size = ::read(fd, piece, sizeof(piece));
    if (size <= 0) return text;
    text.append(piece, static_cast<size_t>(size));
  }
}

std::vector<std::string> Command(const std::string& program, const std::vector<std::string>& flags) {
  std::vector<std::string> command = {program, "--web.listen-address=127.0.0.1:0", "--socket=none"};
  command.insert(command.end(), flags.begin(), flags.end());
  return command;
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

PipedProcess::PipedProcess(const std::vector<std::string>& command, int captured) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) Die("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], captured);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  errno = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  if (errno != 0) Die(command[0]);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  in_ = in[1];
  out_ = out[0];
}

PipedProcess::~PipedProcess() {
  ::close(in_);
  ::close(out_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void PipedProcess::WriteLine(const std::string& line) const {
  const std::string text = line + "\n";
  if (::write(in_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) Die("write");
}

std::string PipedProcess::ReadLine() const {
  std::string line;
  for (char byte = 0; ::read(out_, &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

std::string PipedProcess::ReadAll() const { return ReadToEnd(out_); }

int PipedProcess::Wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

ExporterProcess::ExporterProcess(const std::string& program, const std::vector<std::string>& flags)
    : process_(Command(program, flags), STDERR_FILENO) {
  const std::string mark = "listening on http://127.0.0.1:";
  while (port_ == 0) {
    const std::string line = process_.ReadLine();
    if (line.empty()) Die("the exporter does not listen");
    if (const size_t at = line.find(mark); at != std::string::npos)
      port_ = std::atoi(line.c_str() + at + mark.size());
  }
}

std::string ExporterProcess::Get(const std::string& path) const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Die("connect");
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) Die("write");
  const std::string answer = ReadToEnd(fd);
  ::close(fd);
  const size_t body = answer.find("\r\n\r\n");
  if (answer.rfind("HTTP/1.1 200 ", 0) != 0 || body == std::string::npos) Die("GET " + path + ": " + answer);
  return answer.substr(body + 4);
}

ExporterProcess::Samples ExporterProcess::ScrapeAfresh() const {
  const double called = WallSeconds();
  while (true) {
    Samples samples;
    std::istringstream text(Get("/metrics"));
    for (std::string line; std::getline(text, line);) {
      const size_t space = line.rfind(' ');
      if (line.rfind('#', 0) == 0 || space == std::string::npos) continue;
      samples[line.substr(0, space)] = std::strtod(line.c_str() + space + 1, nullptr);
    }
    if (samples.at("agent_exporter_last_collect_timestamp_seconds{collector=\"agent_self\"}") > called)
      return samples;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace agent_exporter::e2e
