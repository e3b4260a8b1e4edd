// Triggers that follow another job's or workflow's runs: each end is told to them by a letter, in
// the transaction that ends the run, and so exactly once (S4.1, I10).
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

int mask_of(const std::vector<RunState>& states) {
  int mask = 0;
  for (const RunState state : states) {
    mask |= 1 << static_cast<int>(state);
  }
  return mask;
}

}  // namespace

// --- at the trigger's home

// From now on. The number tells ends it has asked for from those of before it was paused or edited.
void Shard::Inside::follow(Turn& turn, Known& known, Trigger& trigger, const TriggerSpec& spec) {
  TriggerProgress& at = trigger.row.progress;
  at.next_due = Instant{};
  if (spec.schedule.end.is_set() && spec.schedule.end <= latest(turn)) {
    move_trigger(trigger, TriggerEvent::run_out);
    return;
  }
  move_trigger(trigger, TriggerEvent::await_end);
  at.follow = make_id(turn.now);
  ask_upstream(turn, known, trigger, spec);
}

void Shard::Inside::ask_upstream(Turn& turn,
                                 const Known& known,
                                 const Trigger& trigger,
                                 const TriggerSpec& spec) {
  const Upstream& after = spec.schedule.after;
  const std::string& name_space =
      after.name_space.empty() ? known.row.name_space : after.name_space;
  write_letter(turn, home_shard(name_space, to_string(after.kind), after.name, shard_count_),
               FollowRuns{.kind = after.kind,
                          .name_space = name_space,
                          .name = after.name,
                          .trigger = trigger.row.id,
                          .follow = trigger.row.progress.follow,
                          .states = mask_of(after.states)});
}

void Shard::Inside::stop_following(Turn& turn,
                                   const Known& known,
                                   Trigger& trigger,
                                   const TriggerSpec& spec) {
  TriggerProgress& at = trigger.row.progress;
  if (!at.follow.is_set()) {
    return;
  }
  const Upstream& after = spec.schedule.after;
  const std::string& name_space =
      after.name_space.empty() ? known.row.name_space : after.name_space;
  write_letter(turn, home_shard(name_space, to_string(after.kind), after.name, shard_count_),
               StopFollowing{.trigger = trigger.row.id, .follow = at.follow});
  at.follow = Id{};
}

// Under its number of before: what is told meanwhile counts.
void Shard::Inside::follow_again(Turn& turn, Id id) {
  const auto [known, trigger] = find_trigger(id);
  if (trigger != nullptr && trigger->row.progress.follow.is_set()) {
    ask_upstream(turn, *known, *trigger, spec_of(*known, *trigger));
  }
}

void Shard::Inside::upstream_ended(Turn& turn, const UpstreamEnded& news) {
  const auto [known, trigger] = find_trigger(news.trigger);
  if (trigger == nullptr || trigger->row.progress.follow != news.follow) {
    return;  // paused, edited or deleted since: nothing was due
  }
  TriggerProgress& at = trigger->row.progress;
  const TriggerSpec& spec = spec_of(*known, *trigger);
  if (!news.state) {
    set_aside_trigger(turn, news.trigger,
                      "'" + spec.schedule.after.name + "' is followed by " +
                          std::to_string(limits::kFollowersMax) + " triggers already");
    return;
  }
  // Several runs may end in one millisecond: each is an instant of its own in the ledger. Its time
  // is of another member's clock, which may be ahead: nothing is due later than this shard knows
  // of, or an edit that comes now would be dated before it.
  const Instant planned = std::max(std::min(news.at, latest(turn)), at.anchor + milliseconds(1));
  if (last_id_.time() < planned) {
    make_id(planned);
  }
  if (planned < spec.schedule.start) {
    return;
  }
  at.anchor = planned;
  if (spec.schedule.end.is_set() && planned >= spec.schedule.end) {
    stop_following(turn, *known, *trigger, spec);
    move_trigger(*trigger, TriggerEvent::run_out);
    note_trigger(turn, trigger->row);
  } else if (const auto open = openings_of(*known, spec); !open) {
    set_aside_trigger(turn, news.trigger, open.problem().detail);
    return;
  } else if (!open->covers(planned)) {
    skip(turn, *trigger, planned, planned, 1, "calendar");
  } else if (news.hops > limits::kHopsMax) {
    skip(turn, *trigger, planned, planned, 1, "loop");
  } else {
    move_trigger(*trigger, TriggerEvent::fire);
    fire(turn, *known, *trigger, {.planned = planned, .upstream = news.run, .hops = news.hops});
  }
  advance_trigger(turn, *trigger);
}

// --- at the upstream's home

void Shard::Inside::load_follows(const ShardImage& image) {
  for (const FollowRow& row : image.follows) {
    std::string key = name_key(row.kind, row.name_space, row.name);
    followers_[key][row.trigger] = {row.follow, row.states};
    followed_[row.trigger] = std::move(key);
  }
}

void Shard::Inside::take_follow(Turn& turn, const FollowRuns& ask) {
  std::string key = name_key(ask.kind, ask.name_space, ask.name);
  if (const auto known = followed_.find(ask.trigger);
      known != followed_.end() && known->second == key &&
      followers_.at(key).at(ask.trigger).follow == ask.follow) {
    return;  // asked again
  }
  drop_follow(ask.trigger);
  auto& followers = followers_[key];
  if (followers.size() >= limits::kFollowersMax) {
    turn.out.changes.emplace_back(DeleteFollow{.shard = number_, .trigger = ask.trigger});
    write_letter(turn, ask.trigger.shard(),
                 UpstreamEnded{.trigger = ask.trigger, .follow = ask.follow, .at = turn.now});
    return;
  }
  followers[ask.trigger] = {ask.follow, ask.states};
  followed_[ask.trigger] = std::move(key);
  turn.out.changes.emplace_back(SaveFollow{{.shard = number_,
                                            .kind = ask.kind,
                                            .name_space = ask.name_space,
                                            .name = ask.name,
                                            .trigger = ask.trigger,
                                            .follow = ask.follow,
                                            .states = ask.states}});
}

void Shard::Inside::take_stop(Turn& turn, const StopFollowing& ask) {
  const auto key = followed_.find(ask.trigger);
  if (key != followed_.end() && followers_.at(key->second).at(ask.trigger).follow == ask.follow) {
    drop_follow(ask.trigger);
    turn.out.changes.emplace_back(DeleteFollow{.shard = number_, .trigger = ask.trigger});
  }
}

void Shard::Inside::drop_follow(Id trigger) {
  const auto key = followed_.find(trigger);
  if (key == followed_.end()) {
    return;
  }
  const auto followers = followers_.find(key->second);
  followers->second.erase(trigger);
  if (followers->second.empty()) {
    followers_.erase(followers);
  }
  followed_.erase(key);
}

// In the decision that ends the run; so there are not many of them.
void Shard::Inside::tell_followers(Turn& turn, const LiveRun& run) {
  if (followers_.empty()) {
    return;
  }
  const Definition& definition = *run.plan->definition;
  const auto followers =
      followers_.find(name_key(definition.kind, definition.name_space, definition.name));
  if (followers == followers_.end()) {
    return;
  }
  const RunState state = run.row.progress.state;
  const Instant at = latest(turn);
  // Jobs may follow each other in a circle. One that takes time on its way is as fast as that; one
  // that takes none would be as fast as we are.
  const bool took_time = turn.now - run.row.created >= limits::kRateMin;
  for (const auto& [trigger, follower] : followers->second) {
    if ((follower.states >> static_cast<int>(state) & 1) != 0) {
      write_letter(turn, trigger.shard(),
                   UpstreamEnded{.trigger = trigger,
                                 .follow = follower.follow,
                                 .run = run.row.id,
                                 .state = state,
                                 .at = at,
                                 .hops = took_time ? 0 : run.row.hops + 1});
    }
  }
}

}  // namespace jobflow::engine
