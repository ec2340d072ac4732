#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "errors.h"

namespace edgeseg {
namespace fs = std::filesystem;
namespace {

constexpr char kPartial[] = ".partial";

struct Descriptor {
  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  const int number;
};

[[noreturn]] void cannot_write(const fs::path& path) {
  const int why = errno;
  const bool denied =
      why == EACCES || why == EPERM || why == EROFS || why == ENOENT || why == ENOTDIR || why == EISDIR || why == ENAMETOOLONG;
  fail(denied ? Exit::usage : Exit::missing, path.string(), ": cannot be written (", std::strerror(why), ")",
       why == ENOSPC || why == EDQUOT ? "; make room and give the same command with --resume" : "");
}

size_t read_up_to(int descriptor, const fs::path& path, uint8_t* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(descriptor, to + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Exit::data, path.string(), ": cannot be read (", std::strerror(errno), ")");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

// The size of a regular file that is open: a FIFO or device would block or never end.
size_t regular_size(int descriptor, const fs::path& path) {
  struct stat about {};
  if (descriptor < 0 || ::fstat(descriptor, &about) != 0) fail(Exit::data, path.string(), ": cannot be read (", std::strerror(errno), ")");
  if (!S_ISREG(about.st_mode)) fail(Exit::data, path.string(), ": is not a file");
  return static_cast<size_t>(about.st_size);
}

}  // namespace

Bytes read_file(const fs::path& path, size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const size_t size = regular_size(file.number, path);
  if (size > limit) fail(Exit::data, path.string(), ": ", size, " bytes, more than the ", limit, " such a file may have");
  Bytes data(size);
  data.resize(read_up_to(file.number, path, data.data(), size));
  return data;
}

void read_exactly(const fs::path& path, void* to, size_t size) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const size_t found = regular_size(file.number, path);
  if (found != size) fail(Exit::data, path.string(), ": ", found, " bytes where ", size, " belong; copy it again");
  if (read_up_to(file.number, path, static_cast<uint8_t*>(to), size) != size)
    fail(Exit::data, path.string(), ": became shorter while it was read");
}

WholeFile::WholeFile(fs::path path) : path_(std::move(path)) {
  partial_ = path_.parent_path() / cat(".", path_.filename().string(), ".", ::getpid(), kPartial);
  descriptor_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) cannot_write(path_);
}

WholeFile::~WholeFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(partial_.c_str());
}

void WholeFile::write(const void* data, size_t size) {
  const auto* from = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const ssize_t put = ::write(descriptor_, from, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) cannot_write(path_);
    from += put;
    size -= static_cast<size_t>(put);
  }
}

void WholeFile::commit() {
  // Flushed before it is renamed: after a loss of power a name must not stand for a file whose bytes never arrived.
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL) cannot_write(path_);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0 || ::rename(partial_.c_str(), path_.c_str()) != 0) {
    const int why = errno;
    ::unlink(partial_.c_str());
    errno = why;
    cannot_write(path_);
  }
}

void write_file(const fs::path& path, const void* data, size_t size) {
  WholeFile file(path);
  file.write(data, size);
  file.commit();
}

void write_file(const fs::path& path, const std::string& text) { write_file(path, text.data(), text.size()); }

void rename_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) cannot_write(to);
}

void make_folder(const fs::path& path) {
  std::error_code why;
  fs::create_directories(path, why);
  if (!fs::is_directory(path))
    fail(Exit::usage, path.string(), ": the folder cannot be made (", why ? why.message() : "a file is in its place", ")");
  if (::access(path.c_str(), W_OK | X_OK) != 0) cannot_write(path);
}

void remove_partials(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name[0] == '.' && entry.path().extension() == kPartial) fs::remove(entry.path(), ignored);
  }
}

}  // namespace edgeseg
