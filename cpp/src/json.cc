#include "json.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "errors.h"

namespace edgeseg {

struct Json::Document {
  rapidjson::Document value;
};

Json::Json(std::string_view text, std::string where) : document_(std::make_unique<Document>()), where_(std::move(where)) {
  // Iterative: the default parser recurses, and a file of a million brackets would overrun the stack.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag | rapidjson::kParseValidateEncodingFlag;
  auto& value = document_->value;
  value.Parse<kFlags>(text.data(), text.size());
  if (value.HasParseError())
    fail(Exit::data, where_, ": is not JSON (", rapidjson::GetParseError_En(value.GetParseError()), " at byte ", value.GetErrorOffset(),
         ")");
  if (!value.IsObject()) fail(Exit::data, where_, ": must be a JSON object");
}

Json::~Json() = default;

bool Json::has(const char* key) const { return document_->value.HasMember(key); }

namespace {
const rapidjson::Value& member(const rapidjson::Document& document, const std::string& where, const char* key) {
  const auto found = document.FindMember(key);
  if (found == document.MemberEnd()) fail(Exit::data, where, ": \"", key, "\" is missing");
  return found->value;
}
}  // namespace

std::string Json::text(const char* key) const {
  const auto& value = member(document_->value, where_, key);
  if (!value.IsString()) fail(Exit::data, where_, ": \"", key, "\" must be a text");
  return {value.GetString(), value.GetStringLength()};
}

uint32_t Json::whole(const char* key, uint32_t least, uint32_t most) const {
  const auto& value = member(document_->value, where_, key);
  if (!value.IsUint() || value.GetUint() < least || value.GetUint() > most)
    fail(Exit::data, where_, ": \"", key, "\" must be a whole number from ", least, " to ", most);
  return value.GetUint();
}

int Json::integer(const char* key, int least, int most) const {
  const auto& value = member(document_->value, where_, key);
  if (!value.IsInt() || value.GetInt() < least || value.GetInt() > most)
    fail(Exit::data, where_, ": \"", key, "\" must be a whole number from ", least, " to ", most);
  return value.GetInt();
}

float Json::positive(const char* key) const {
  const auto& value = member(document_->value, where_, key);
  const double number = value.IsNumber() ? value.GetDouble() : 0;
  if (!(number >= 1e-30 && number <= 1e30)) fail(Exit::data, where_, ": \"", key, "\" must be a positive number");
  return static_cast<float>(number);
}

uint32_t Json::count(const char* key, uint32_t most) const {
  const auto& value = member(document_->value, where_, key);
  if (!value.IsArray()) return whole(key, 1, most);
  if (value.Empty() || value.Size() > most) fail(Exit::data, where_, ": \"", key, "\" must have 1 to ", most, " entries");
  for (const auto& one : value.GetArray())
    if (!one.IsString()) fail(Exit::data, where_, ": \"", key, "\" must be a number, or a list of names");
  return value.Size();
}

struct JsonWriter::Text {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer{buffer};
};

JsonWriter::JsonWriter() : text_(std::make_unique<Text>()) {
  text_->writer.SetIndent(' ', 2);
  text_->writer.StartObject();
}

JsonWriter::~JsonWriter() = default;

JsonWriter& JsonWriter::add(const char* key, const std::string& value) {
  text_->writer.Key(key);
  text_->writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  return *this;
}
JsonWriter& JsonWriter::add(const char* key, const char* value) { return add(key, std::string(value)); }
JsonWriter& JsonWriter::add(const char* key, double value) {
  text_->writer.Key(key);
  text_->writer.Double(value);
  return *this;
}
JsonWriter& JsonWriter::add(const char* key, uint32_t value) {
  text_->writer.Key(key);
  text_->writer.Uint(value);
  return *this;
}
JsonWriter& JsonWriter::add(const char* key, int value) {
  text_->writer.Key(key);
  text_->writer.Int(value);
  return *this;
}
JsonWriter& JsonWriter::add(const char* key, uint64_t value) {
  text_->writer.Key(key);
  text_->writer.Uint64(value);
  return *this;
}
JsonWriter& JsonWriter::add(const char* key, bool value) {
  text_->writer.Key(key);
  text_->writer.Bool(value);
  return *this;
}
JsonWriter& JsonWriter::open(const char* key) {
  if (key != nullptr) text_->writer.Key(key);
  text_->writer.StartObject();
  return *this;
}
JsonWriter& JsonWriter::close() {
  text_->writer.EndObject();
  return *this;
}
JsonWriter& JsonWriter::open_list(const char* key) {
  text_->writer.Key(key);
  text_->writer.StartArray();
  return *this;
}
JsonWriter& JsonWriter::close_list() {
  text_->writer.EndArray();
  return *this;
}
std::string JsonWriter::finish() {
  text_->writer.EndObject();
  return std::string(text_->buffer.GetString(), text_->buffer.GetSize()) + "\n";
}

}  // namespace edgeseg
