#include "model/letter.h"

#include "model/json.h"

namespace jobflow {
namespace {

constexpr std::string_view kWatchRun = "watch_run";
constexpr std::string_view kRunEnded = "run_ended";

std::string_view text_of(const boost::json::object& object, std::string_view member) {
  const auto* value = object.if_contains(member);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// Unset when it is not there.
Id id_of(const boost::json::object& object, std::string_view member) {
  const auto id = parse_id(text_of(object, member));
  return id ? *id : Id{};
}

}  // namespace

std::string encode_letter(const LetterBody& body) {
  if (const auto* unknown = std::get_if<UnknownLetter>(&body)) {
    return unknown->text;
  }
  boost::json::object object;
  if (const auto* watch = std::get_if<WatchRun>(&body)) {
    object["kind"] = kWatchRun;
    object["run"] = to_string(watch->run);
    object["watcher"] = to_string(watch->watcher);
  } else {
    const auto& ended = std::get<RunEnded>(body);
    object["kind"] = kRunEnded;
    object["run"] = to_string(ended.run);
    object["watcher"] = to_string(ended.watcher);
    object["state"] = ended.state ? to_string(*ended.state) : std::string_view();
  }
  return to_text(object);
}

LetterBody decode_letter(std::string_view text) {
  const auto parsed = parse_json(text);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  if (object == nullptr) {
    return UnknownLetter{std::string(text)};
  }
  const std::string_view kind = text_of(*object, "kind");
  const Id run = id_of(*object, "run");
  const Id watcher = id_of(*object, "watcher");
  const std::string_view word = text_of(*object, "state");
  const auto state = parse_run_state(word);
  if (!run.is_set() || !watcher.is_set()) {
    return UnknownLetter{std::string(text)};
  }
  if (kind == kWatchRun) {
    return WatchRun{.run = run, .watcher = watcher};
  }
  if (kind == kRunEnded && (state || word.empty())) {
    return RunEnded{.run = run, .watcher = watcher, .state = state};
  }
  return UnknownLetter{std::string(text)};
}

}  // namespace jobflow
