#include "model/letter.h"

#include "model/json.h"

#include <type_traits>

namespace jobflow {
namespace {

constexpr std::string_view kWatchRun = "watch_run";
constexpr std::string_view kRunEnded = "run_ended";
constexpr std::string_view kFollowRuns = "follow_runs";
constexpr std::string_view kStopFollowing = "stop_following";
constexpr std::string_view kUpstreamEnded = "upstream_ended";

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

boost::json::object encode(const WatchRun& watch) {
  return {
      {"kind", kWatchRun}, {"run", to_string(watch.run)}, {"watcher", to_string(watch.watcher)}};
}
boost::json::object encode(const RunEnded& ended) {
  return {{"kind", kRunEnded},
          {"run", to_string(ended.run)},
          {"watcher", to_string(ended.watcher)},
          {"state", ended.state ? to_string(*ended.state) : std::string_view()}};
}
boost::json::object encode(const FollowRuns& ask) {
  return {
      {"kind", kFollowRuns}, {"of", to_string(ask.kind)},         {"namespace", ask.name_space},
      {"name", ask.name},    {"trigger", to_string(ask.trigger)}, {"follow", to_string(ask.follow)},
      {"states", ask.states}};
}
boost::json::object encode(const StopFollowing& ask) {
  return {{"kind", kStopFollowing},
          {"trigger", to_string(ask.trigger)},
          {"follow", to_string(ask.follow)}};
}
boost::json::object encode(const UpstreamEnded& news) {
  return {{"kind", kUpstreamEnded},
          {"trigger", to_string(news.trigger)},
          {"follow", to_string(news.follow)},
          {"run", to_string(news.run)},
          {"state", news.state ? to_string(*news.state) : std::string_view()},
          {"at", news.at.ms},
          {"hops", news.hops}};
}

// The letters about runs that are waited for, and about triggers that follow; none: not understood.
std::optional<LetterBody> decode_watch(const boost::json::object& object, std::string_view kind) {
  const Id run = id_of(object, "run");
  const Id watcher = id_of(object, "watcher");
  const std::string_view word = text_of(object, "state");
  const auto state = parse_run_state(word);
  if (!run.is_set() || !watcher.is_set()) {
    return std::nullopt;
  }
  if (kind == kWatchRun) {
    return WatchRun{.run = run, .watcher = watcher};
  }
  if (kind == kRunEnded && (state || word.empty())) {
    return RunEnded{.run = run, .watcher = watcher, .state = state};
  }
  return std::nullopt;
}
std::optional<LetterBody> decode_follow(const boost::json::object& object, std::string_view kind) {
  const Id trigger = id_of(object, "trigger");
  const Id follow = id_of(object, "follow");
  if (!trigger.is_set() || !follow.is_set()) {
    return std::nullopt;
  }
  if (kind == kStopFollowing) {
    return StopFollowing{.trigger = trigger, .follow = follow};
  }
  const auto number = [&](std::string_view member) {
    const auto* value = object.if_contains(member);
    return value == nullptr ? nullptr : value->if_int64();
  };
  const std::string_view of = text_of(object, "of");
  const std::string_view name = text_of(object, "name");
  const bool is_job = of == to_string(DefinitionKind::job);
  const auto* states = number("states");
  if (kind == kFollowRuns && !name.empty() && states != nullptr &&
      (is_job || of == to_string(DefinitionKind::workflow))) {
    return FollowRuns{.kind = is_job ? DefinitionKind::job : DefinitionKind::workflow,
                      .name_space = std::string(text_of(object, "namespace")),
                      .name = std::string(name),
                      .trigger = trigger,
                      .follow = follow,
                      .states = static_cast<int>(*states)};
  }
  const Id run = id_of(object, "run");
  const std::string_view word = text_of(object, "state");
  const auto state = parse_run_state(word);
  const auto* at = number("at");
  const auto* hops = number("hops");
  if (kind == kUpstreamEnded && at != nullptr && (state ? run.is_set() : word.empty())) {
    return UpstreamEnded{.trigger = trigger,
                         .follow = follow,
                         .run = run,
                         .state = state,
                         .at = {*at},
                         .hops = hops == nullptr ? 0 : static_cast<int>(*hops)};
  }
  return std::nullopt;
}

}  // namespace

std::string encode_letter(const LetterBody& body) {
  return std::visit(
      [](const auto& one) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, UnknownLetter>) {
          return one.text;
        } else {
          return to_text(encode(one));
        }
      },
      body);
}

LetterBody decode_letter(std::string_view text) {
  const auto parsed = parse_json(text);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  if (object == nullptr) {
    return UnknownLetter{std::string(text)};
  }
  const std::string_view kind = text_of(*object, "kind");
  auto body = kind == kWatchRun || kind == kRunEnded ? decode_watch(*object, kind)
                                                     : decode_follow(*object, kind);
  return body ? std::move(*body) : UnknownLetter{std::string(text)};
}

}  // namespace jobflow
