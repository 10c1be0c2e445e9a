#include "sessions/database_snapshot.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::sessions {

// Where the pages come from.
struct DatabaseSnapshot::Source {
  const base::OpenFile& database;
  const base::OpenFile* wal;
  const WalIndex& index;
  const uint64_t most_bytes;
  std::string name;  // of the virtual file system
  uint64_t bytes_read = 0;

  // How many bytes there are; negative: an error.
  ssize_t Read(char* out, size_t size, uint64_t offset) {
    bytes_read += size;
    if (bytes_read > most_bytes) return -1;
    const base::OpenFile* file = &database;
    if (const uint64_t page_size = index.page_size(); page_size > 0) {
      const uint64_t within = offset % page_size;
      if (within + size > page_size) return -1;  // SQLite reads no more than a page
      if (const auto found = index.Find(static_cast<uint32_t>(offset / page_size + 1))) {
        file = wal;
        offset = *found + within;
      }
    }
    ssize_t got = -1;
    do {
      got = ::pread(file->descriptor.get(), out, size, static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    return got;
  }
  uint64_t Size() const {
    return index.page_size() > 0 ? uint64_t{index.page_size()} * index.database_pages()
                                 : static_cast<uint64_t>(database.stat.st_size);
  }
};

namespace {

// Bytes 18 and 19 of a database say how it is written and read: 1 with a rollback journal, 2 with a log.
constexpr uint64_t kFormatAt = 18;
constexpr char kWithLog = 2;

// SQLite calls these with a sqlite3_file or a sqlite3_vfs that is ours (https://sqlite.org/vfs.html).
template <typename Source>
struct VirtualFile {
  sqlite3_file base;
  Source* source;

  static int Close(sqlite3_file*) { return SQLITE_OK; }
  static int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    auto* bytes = static_cast<char*>(out);
    const auto wanted = static_cast<size_t>(size);
    const ssize_t got =
        reinterpret_cast<VirtualFile*>(file)->source->Read(bytes, wanted, static_cast<uint64_t>(offset));
    if (got < 0) return SQLITE_IOERR_READ;
    // Without this SQLite looks for the log.
    for (uint64_t at = kFormatAt; at < kFormatAt + 2; ++at) {
      if (offset == 0 && at < static_cast<uint64_t>(got)) bytes[at] = 1;
    }
    if (static_cast<size_t>(got) == wanted) return SQLITE_OK;
    std::memset(bytes + got, 0, wanted - static_cast<size_t>(got));
    return SQLITE_IOERR_SHORT_READ;
  }
  static int Write(sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; }
  static int Truncate(sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; }
  static int Sync(sqlite3_file*, int) { return SQLITE_OK; }
  static int Size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(reinterpret_cast<VirtualFile*>(file)->source->Size());
    return SQLITE_OK;
  }
  static int Lock(sqlite3_file*, int) { return SQLITE_OK; }
  static int Reserved(sqlite3_file*, int* reserved) {
    *reserved = 0;
    return SQLITE_OK;
  }
  static int Control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int SectorSize(sqlite3_file*) { return 4096; }
  static int Characteristics(sqlite3_file*) { return SQLITE_IOCAP_IMMUTABLE; }

  static constexpr sqlite3_io_methods kMethods = {
      .iVersion = 1,
      .xClose = &Close,
      .xRead = &Read,
      .xWrite = &Write,
      .xTruncate = &Truncate,
      .xSync = &Sync,
      .xFileSize = &Size,
      .xLock = &Lock,
      .xUnlock = &Lock,
      .xCheckReservedLock = &Reserved,
      .xFileControl = &Control,
      .xSectorSize = &SectorSize,
      .xDeviceCharacteristics = &Characteristics,
  };

  static int Open(sqlite3_vfs* vfs, const char*, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;  // no temporary files
    auto* opened = reinterpret_cast<VirtualFile*>(file);
    opened->source = static_cast<Source*>(vfs->pAppData);
    opened->base.pMethods = &kMethods;
    if (out_flags != nullptr) *out_flags = SQLITE_OPEN_READONLY;
    return SQLITE_OK;
  }
  static int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_READONLY; }
  static int Access(sqlite3_vfs*, const char*, int, int* result) {
    *result = 0;
    return SQLITE_OK;
  }
  static int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  }
};

// All that has nothing to do with files is as usual.
template <typename Source>
sqlite3_vfs MakeVfs(Source* source) {
  sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);
  vfs.pNext = nullptr;
  vfs.szOsFile = sizeof(VirtualFile<Source>);
  vfs.zName = source->name.c_str();
  vfs.pAppData = source;
  vfs.xOpen = &VirtualFile<Source>::Open;
  vfs.xDelete = &VirtualFile<Source>::Delete;
  vfs.xAccess = &VirtualFile<Source>::Access;
  vfs.xFullPathname = &VirtualFile<Source>::FullPathname;
  return vfs;
}

}  // namespace

DatabaseSnapshot::DatabaseSnapshot(std::unique_ptr<Source> source) : source_(std::move(source)) {
  source_->name = absl::StrCat("agent_exporter_", reinterpret_cast<uintptr_t>(source_.get()));
  vfs_ = std::make_unique<sqlite3_vfs>(MakeVfs(source_.get()));
}

DatabaseSnapshot::~DatabaseSnapshot() {
  opened_.reset();
  sqlite3_vfs_unregister(vfs_.get());
}

absl::StatusOr<std::unique_ptr<DatabaseSnapshot>> DatabaseSnapshot::Open(const base::OpenFile& database,
                                                                         const base::OpenFile* wal,
                                                                         const WalIndex& index,
                                                                         std::chrono::milliseconds patience,
                                                                         uint64_t most_bytes) {
  std::unique_ptr<DatabaseSnapshot> snapshot(
      new DatabaseSnapshot(std::unique_ptr<Source>(new Source{database, wal, index, most_bytes, ""})));
  char format[2] = {};
  if (snapshot->source_->Read(format, sizeof format, kFormatAt) != 2 || format[1] != kWithLog) {
    return absl::FailedPreconditionError("a database without a write-ahead log");
  }
  if (sqlite3_vfs_register(snapshot->vfs_.get(), 0) != SQLITE_OK) {
    return absl::InternalError("SQLite takes no virtual file system");
  }
  auto opened = base::Database::Open("snapshot", base::Database::Mode::kReadOnly, snapshot->source_->name);
  if (!opened.ok()) return opened.status();
  snapshot->opened_ = *std::move(opened);
  snapshot->opened_->DistrustContent();
  snapshot->opened_->SetDeadline(std::chrono::steady_clock::now() + patience);
  return snapshot;
}

uint64_t DatabaseSnapshot::bytes_read() const { return source_->bytes_read; }

bool DatabaseSnapshot::Unchanged() const {
  const struct stat& before = source_->database.stat;
  struct stat now = {};
  if (::fstat(source_->database.descriptor.get(), &now) != 0) return false;
  return now.st_size == before.st_size && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == before.st_mtim.tv_nsec &&
         (source_->wal == nullptr || !source_->index.BeganAgain(*source_->wal));
}

}  // namespace agent_exporter::sessions
