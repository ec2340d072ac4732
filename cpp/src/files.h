// Files that are read with a limit and written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace edgeseg {

using Bytes = std::vector<uint8_t>;

// The whole file; Error(data) where it cannot be read or is larger than `limit` bytes.
Bytes read_file(const std::filesystem::path& path, size_t limit);

// Exactly `size` bytes into `to`; Error(data) where the file is shorter or longer.
void read_exactly(const std::filesystem::path& path, void* to, size_t size);

// A file under a hidden name beside its own until commit() has brought it to the disk and renamed it; without commit() it vanishes.
// Error(missing) where the disk is full or fails, Error(usage) where writing is not allowed.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path path);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;
  void write(const void* data, size_t size);
  void commit();

 private:
  std::filesystem::path path_, partial_;
  int descriptor_ = -1;
};

void write_file(const std::filesystem::path& path, const void* data, size_t size);
void write_file(const std::filesystem::path& path, const std::string& text);

// `path` under another name in the same folder, replacing what is there.
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);

// The folder `path`, made where it is absent; Error(usage) where that is not allowed or nothing can be written in it.
void make_folder(const std::filesystem::path& path);

// Removes what a process that was killed left half-written in `folder`.
void remove_partials(const std::filesystem::path& folder);

}  // namespace edgeseg
