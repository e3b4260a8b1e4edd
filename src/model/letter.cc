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
constexpr std::string_view kAskPermit = "ask_permit";
constexpr std::string_view kReturnPermit = "return_permit";
constexpr std::string_view kPermitGranted = "permit_granted";

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

boost::json::object of_permit(std::string_view kind,
                              const std::string& name_space,
                              const std::string& semaphore,
                              Id run,
                              Id ask) {
  return {{"kind", kind},
          {"namespace", name_space},
          {"semaphore", semaphore},
          {"run", to_string(run)},
          {"ask", to_string(ask)}};
}
boost::json::object encode(const AskPermit& ask) {
  auto object = of_permit(kAskPermit, ask.name_space, ask.semaphore, ask.run, ask.ask);
  object["priority"] = ask.priority;
  object["since"] = ask.since.ms;
  object["held"] = ask.held;
  return object;
}
boost::json::object encode(const ReturnPermit& back) {
  return of_permit(kReturnPermit, back.name_space, back.semaphore, back.run, back.ask);
}
boost::json::object encode(const PermitGranted& granted) {
  return of_permit(kPermitGranted, granted.name_space, granted.semaphore, granted.run, granted.ask);
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

std::optional<LetterBody> decode_permit(const boost::json::object& object, std::string_view kind) {
  const std::string name_space(text_of(object, "namespace"));
  const std::string semaphore(text_of(object, "semaphore"));
  const Id run = id_of(object, "run");
  const Id ask = id_of(object, "ask");
  if (semaphore.empty() || !run.is_set() || !ask.is_set()) {
    return std::nullopt;
  }
  if (kind == kReturnPermit) {
    return ReturnPermit{name_space, semaphore, run, ask};
  }
  if (kind == kPermitGranted) {
    return PermitGranted{name_space, semaphore, run, ask};
  }
  const auto* priority = object.if_contains("priority");
  const auto* since = object.if_contains("since");
  const auto* held = object.if_contains("held");
  if (priority == nullptr || !priority->is_int64() || since == nullptr || !since->is_int64() ||
      held == nullptr || !held->is_bool()) {
    return std::nullopt;
  }
  return AskPermit{.name_space = name_space,
                   .semaphore = semaphore,
                   .run = run,
                   .ask = ask,
                   .priority = static_cast<int>(priority->get_int64()),
                   .since = {since->get_int64()},
                   .held = held->get_bool()};
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
              : kind == kAskPermit || kind == kReturnPermit || kind == kPermitGranted
                  ? decode_permit(*object, kind)
                  : decode_follow(*object, kind);
  return body ? std::move(*body) : UnknownLetter{std::string(text)};
}

}  // namespace jobflow
