// JSON read with a message for whatever is wrong, and written in one pass. RapidJSON does the work; its headers stay in json.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace edgeseg {

// An object whose members are asked for by name; a member that is absent or of the wrong kind is Error(data), with `where` in front.
class Json {
 public:
  Json(std::string_view text, std::string where);
  ~Json();
  bool has(const char* key) const;
  std::string text(const char* key) const;
  uint32_t whole(const char* key, uint32_t least, uint32_t most) const;
  int integer(const char* key, int least, int most) const;
  float positive(const char* key) const;
  // A number of things, given as such or as the list of their names.
  uint32_t count(const char* key, uint32_t most) const;

 private:
  struct Document;
  std::unique_ptr<Document> document_;
  std::string where_;
};

// Builds an object (with nested objects and lists) and gives it as indented text.
class JsonWriter {
 public:
  JsonWriter();
  ~JsonWriter();
  JsonWriter& add(const char* key, const std::string& value);
  JsonWriter& add(const char* key, const char* value);
  JsonWriter& add(const char* key, double value);
  JsonWriter& add(const char* key, uint32_t value);
  JsonWriter& add(const char* key, int value);
  JsonWriter& add(const char* key, uint64_t value);
  JsonWriter& add(const char* key, bool value);
  JsonWriter& open(const char* key);  // begins a nested object; without a key (nullptr), one in a list
  JsonWriter& close();
  JsonWriter& open_list(const char* key);
  JsonWriter& close_list();
  std::string finish();  // closes the outermost object

 private:
  struct Text;
  std::unique_ptr<Text> text_;
};

}  // namespace edgeseg
