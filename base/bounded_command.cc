#include "base/bounded_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/descriptor.h"

namespace agent_exporter::base {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kPipeBytes = 64 << 10;        // capacity of a pipe: one read drains it
constexpr milliseconds kPollWithoutPidfd{10};  // for kernels before 5.3

absl::Status SpawnError(int error, const std::string& program) {
  const std::string what = absl::StrCat("cannot run ", program, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(what);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(what);
  if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE) {
    return absl::ResourceExhaustedError(what);
  }
  return absl::InternalError(what);
}

struct Pipe {
  Descriptor read_end, write_end;

  // Only our end is non-blocking: programs expect a blocking stdout.
  int Open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
    return ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
  }
};

// A file in memory, not a pipe: a slow reader cannot block us, and a program that does not read its input
// cannot cause SIGPIPE.
int OpenInput(const std::string& input, Descriptor* fd) {
  if (input.empty()) {
    *fd = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return fd->ok() ? 0 : errno;
  }
  *fd = Descriptor(::memfd_create("input", MFD_CLOEXEC));
  if (!fd->ok()) return errno;
  for (size_t done = 0; done < input.size();) {
    const ssize_t wrote = ::write(fd->get(), input.data() + done, input.size() - done);
    if (wrote < 0) return errno;
    done += static_cast<size_t>(wrote);
  }
  return ::lseek(fd->get(), 0, SEEK_SET) == 0 ? 0 : errno;
}

std::vector<std::string> Environment(const BoundedCommand& command) {
  std::vector<std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool replaced =
        std::any_of(command.environment.begin(), command.environment.end(),
                    [&](const auto& added) { return text.substr(0, text.find('=')) == added.first; });
    if (!replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : command.environment) result.push_back(absl::StrCat(name, "=", value));
  return result;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

int Spawn(const BoundedCommand& command, int in, int out, int err, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0) return ENOMEM;
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  // A library may have opened something without close-on-exec.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const std::vector<std::string> environment = Environment(command);
  const int error = posix_spawnp(pid, command.argv[0].c_str(), &actions, &attributes,
                                 Pointers(command.argv).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// One running program, from start to reap.
class Running {
 public:
  explicit Running(const BoundedCommand& command) : command_(command) {}
  ~Running() {
    if (pid_ > 0) End();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  absl::Status Start() {
    Pipe out, err;
    Descriptor in;
    for (const int error : {OpenInput(command_.input, &in), out.Open(), err.Open()}) {
      if (error != 0) return SpawnError(error, command_.argv[0]);
    }
    pid_t pid = -1;
    const int error = Spawn(command_, in.get(), out.write_end.get(), err.write_end.get(), &pid);
    if (error != 0) return SpawnError(error, command_.argv[0]);
    pid_ = pid;
    pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    out_ = std::move(out.read_end);
    err_ = std::move(err.read_end);
    return absl::OkStatus();
  }

  absl::StatusOr<CommandResult> Wait() {
    absl::Status why = WaitUntil(SteadyClock::now() + command_.time_limit);
    if (!why.ok()) {
      ::kill(-pid_, SIGTERM);
      cancellable_ = false;
      dropping_ = true;
      WaitUntil(SteadyClock::now() + command_.grace).IgnoreError();
    }
    End();
    if (!why.ok()) return why;
    return std::move(result_);
  }

 private:
  // Returns OK when the program has ended, an error when we have to end it.
  absl::Status WaitUntil(SteadyClock::time_point deadline) {
    while (!HasEnded()) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
      if (left <= milliseconds(0)) {
        return absl::DeadlineExceededError(absl::StrCat(command_.argv[0], " took longer than ",
                                                        command_.time_limit.count(), " ms and was killed"));
      }
      // poll(2) ignores negative descriptors.
      pollfd polled[] = {{pidfd_.get(), POLLIN, 0},
                         {out_.get(), POLLIN, 0},
                         {err_.get(), POLLIN, 0},
                         {cancellable_ ? command_.cancel_fd : -1, POLLIN, 0}};
      const milliseconds pause = pidfd_.ok() ? left : std::min(left, kPollWithoutPidfd);
      ::poll(polled, std::size(polled), static_cast<int>(std::min<int64_t>(pause.count(), 1 << 30)));
      if (polled[3].revents != 0)
        return absl::CancelledError(absl::StrCat(command_.argv[0], " was cancelled"));
      if (polled[1].revents != 0) Read(out_, result_.out);
      if (polled[2].revents != 0) Read(err_, result_.err);
      if (result_.overflow && !command_.drop_overflow && !dropping_) {
        return absl::ResourceExhaustedError(absl::StrCat(command_.argv[0], " wrote more than ",
                                                         command_.max_output, " bytes and was killed"));
      }
    }
    return absl::OkStatus();
  }

  // The leader stays a zombie until End, so that the kernel cannot reuse its pid and process group.
  bool HasEnded() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
  }

  void Read(Descriptor& from, std::string& to) {
    char buffer[kPipeBytes];
    const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) from.Close();
    if (got <= 0) return;
    const size_t room = command_.max_output - std::min(command_.max_output, to.size());
    to.append(buffer, std::min(room, static_cast<size_t>(got)));
    result_.overflow |= room < static_cast<size_t>(got);
  }

  void End() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (out_.ok()) Read(out_, result_.out);
    if (err_.ok()) Read(err_, result_.err);
    if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  }

  const BoundedCommand& command_;
  pid_t pid_ = -1;
  Descriptor pidfd_, out_, err_;
  bool cancellable_ = true;
  bool dropping_ = false;
  CommandResult result_;
};

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

}  // namespace

absl::StatusOr<CommandResult> RunBounded(const BoundedCommand& command) {
  const bool nul = std::any_of(command.argv.begin(), command.argv.end(), &HasNul) ||
                   std::any_of(command.environment.begin(), command.environment.end(),
                               [](const auto& entry) { return HasNul(entry.first) || HasNul(entry.second); });
  if (command.argv.empty() || nul)
    return absl::InvalidArgumentError("no program to run, or a NUL byte in its arguments or environment");
  Running running(command);
  if (absl::Status status = running.Start(); !status.ok()) return status;
  return running.Wait();
}

absl::StatusOr<std::string> FindProgram(const std::string& program) {
  const auto is_program = [](const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
  };
  if (program.find('/') != std::string::npos) {
    if (is_program(program)) return program;
  } else if (const char* path = std::getenv("PATH"); path != nullptr && !program.empty()) {
    for (const absl::string_view folder : absl::StrSplit(path, ':')) {
      std::string candidate = absl::StrCat(folder.empty() ? "." : folder, "/", program);
      if (is_program(candidate)) return candidate;
    }
  }
  return absl::NotFoundError(absl::StrCat(program, " is not installed"));
}

}  // namespace agent_exporter::base
