// Letters: what this shard tells others and hears from them (I10), and runs that wait for another
// run's end, of whatever shard.
#include "engine/shard_inside.h"
#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::engine {

void Shard::Inside::load_letters(const ShardImage& image, Instant now) {
  for (const LetterRow& letter : image.letters) {
    outboxes_[letter.to].letters.push_back(letter);
  }
  for (const LetterMarkRow& mark : image.marks) {
    marks_[mark.from] = mark.number;
  }
  for (const WatchRow& watch : image.watches) {
    watched_[watch.run].watchers.insert(watch.watcher);
    if (!live_.contains(watch.run)) {
      untold_.insert(watch.run);
    }
  }
  if (!outboxes_.empty() || !untold_.empty()) {
    arm_letters(now);  // at once: who knows what was sent before
  }
}

void Shard::Inside::arm_letters(Instant due) {
  if (!letters_armed_.is_set()) {
    letters_armed_ = due;
    wheel_.arm({due, Id{}, TimerSubject::letters});
  }
}

// --- to others

void Shard::Inside::write_letter(Turn& turn, ShardNumber to, LetterBody body) {
  Outbox& outbox = outboxes_[to];
  outbox.letters.push_back({.from = number_,
                            .to = to,
                            .number = make_id(turn.now),
                            .after = outbox.letters.empty() ? Id{} : outbox.letters.back().number,
                            .body = std::move(body)});
  turn.out.changes.emplace_back(InsertLetter{outbox.letters.back()});
  send_letters(turn, outbox);
  arm_letters(turn.now + limits::kLettersAgain);
}

// As many as may be under way; the others when these are acknowledged. All before the first one
// were: a receiver that has forgotten them, with the history they came in, waits for none (house
// 8).
void Shard::Inside::send_letters(Turn& turn, Outbox& outbox) {
  while (outbox.sent < std::min(outbox.letters.size(), limits::kLettersUnderWay)) {
    SendLetter send{outbox.letters[outbox.sent]};
    if (outbox.sent == 0) {
      send.letter.after = Id{};
    }
    turn.out.effects.emplace_back(std::move(send));
    outbox.sent += 1;
  }
}

// A letter may be lost, like what it led to here: all that is not known to have come is sent again,
// in order; all that is not told is told.
void Shard::Inside::letters_due(Turn& turn, const Timer& timer) {
  if (timer.due != letters_armed_) {
    return;  // of the memory before this one: with its own successor there would be two for ever
  }
  letters_armed_ = {};
  for (auto& [to, outbox] : outboxes_) {
    outbox.sent = 0;
    send_letters(turn, outbox);
  }
  turn.to_tell = untold_;
  if (!outboxes_.empty() || !untold_.empty()) {
    arm_letters(turn.now + limits::kLettersAgain);
  }
}

void Shard::Inside::letter_acked(Turn& turn, const LetterAcked& ask) {
  if (ask.up_to > last_id_) {
    write_again(turn, ask);
    return;
  }
  const auto found = outboxes_.find(ask.to);
  if (found == outboxes_.end()) {
    return;
  }
  Outbox& outbox = found->second;
  Id last;
  while (!outbox.letters.empty() && outbox.letters.front().number <= ask.up_to) {
    last = outbox.letters.front().number;
    outbox.letters.pop_front();
    outbox.sent -= std::min<std::size_t>(outbox.sent, 1);
  }
  if (!last.is_set()) {
    return;
  }
  turn.out.changes.emplace_back(DeleteLetters{.from = number_, .to = ask.to, .up_to = last});
  send_letters(turn, outbox);
  if (outbox.letters.empty()) {
    outboxes_.erase(found);
  }
}

// Applied up to a number that was never given out here: it is of a history that is no more, and
// nobody is left who knew it (house 8). What waits was taken for what came before it there.
void Shard::Inside::write_again(Turn& turn, const LetterAcked& ask) {
  last_id_ = ask.up_to;
  const auto found = outboxes_.find(ask.to);
  constexpr auto kLettersMax = static_cast<std::size_t>(limits::kDecisionRows - 1);
  if (found == outboxes_.end() || found->second.letters.size() > kLettersMax) {
    return;  // too many for one decision: taken as applied, their runs wait until their bound (I5)
  }
  const auto letters = std::move(found->second.letters);
  outboxes_.erase(found);
  turn.out.changes.emplace_back(
      DeleteLetters{.from = number_, .to = ask.to, .up_to = letters.back().number});
  for (const LetterRow& letter : letters) {
    write_letter(turn, ask.to, letter.body);
  }
}

// --- from others

void Shard::Inside::letter_came(Turn& turn, const LetterCame& ask) {
  const LetterRow& letter = ask.letter;
  const auto marked = marks_.find(letter.from);
  Id mark = marked == marks_.end() ? Id{} : marked->second;
  const bool is_unnumbered = sabotaged(Sabotage::unnumbered_letters);
  if (letter.number > mark || is_unnumbered) {
    if ((letter.after > mark && !is_unnumbered) ||
        std::holds_alternative<UnknownLetter>(letter.body)) {
      return;  // one before it is missing, or it is for a newer member: it comes again
    }
    mark = marks_[letter.from] = std::max(mark, letter.number);
    turn.out.changes.emplace_back(MarkLetter{{.to = number_, .from = letter.from, .number = mark}});
    if (ask.only_mark) {
      // Its asker waits until its bound (I5); the letters after it go on.
    } else if (const auto* watch = std::get_if<WatchRun>(&letter.body)) {
      watch_run(turn, *watch);
    } else if (const auto* ended = std::get_if<RunEnded>(&letter.body)) {
      awaited_run_ended(turn, *ended);
    } else if (const auto* follow = std::get_if<FollowRuns>(&letter.body)) {
      take_follow(turn, *follow);
    } else if (const auto* stop = std::get_if<StopFollowing>(&letter.body)) {
      take_stop(turn, *stop);
    } else if (const auto* news = std::get_if<UpstreamEnded>(&letter.body)) {
      upstream_ended(turn, *news);
    } else if (const auto* wish = std::get_if<AskPermit>(&letter.body)) {
      take_word(turn, *wish);
    } else if (const auto* back = std::get_if<ReturnPermit>(&letter.body)) {
      take_word(turn, *back);
    } else if (const auto* granted = std::get_if<PermitGranted>(&letter.body)) {
      permit_granted(turn, *granted);
    }
  }
  turn.out.effects.emplace_back(SendLetterAck{.from = letter.from, .to = number_, .up_to = mark});
}

// --- runs that are waited for

void Shard::Inside::watch_run(Turn& turn, const WatchRun& ask) {
  if (!watched_[ask.run].watchers.insert(ask.watcher).second) {
    return;
  }
  turn.out.changes.emplace_back(SaveWatch{{.run = ask.run, .watcher = ask.watcher}});
  if (find_live(ask.run) == nullptr) {
    await_telling(turn, ask.run);
  }
}

// Told by a decision of its own: it may be wide, and may have to read how the run ended.
void Shard::Inside::await_telling(Turn& turn, Id run) {
  untold_.insert(run);
  turn.to_tell.insert(run);
  arm_letters(turn.now + limits::kLettersAgain);
}

void Shard::Inside::watched_run_ended(Turn& turn, const LiveRun& run) {
  if (const auto found = watched_.find(run.row.id); found != watched_.end()) {
    found->second.ended = run.row.progress.state;
    await_telling(turn, run.row.id);
  }
}

// It comes into memory: whatever was known of its end counts no more.
void Shard::Inside::watched_run_lives(Id run) {
  if (const auto found = watched_.find(run); found != watched_.end()) {
    found->second.ended.reset();
    untold_.erase(run);
  }
}

void Shard::Inside::tell_watchers(Turn& turn, Id run) {
  const auto found = watched_.find(run);
  if (found == watched_.end() || find_live(run) != nullptr) {
    return;
  }
  Watched& watched = found->second;
  std::optional<RunState> state = watched.ended;
  if (!state) {
    const RunRow* row = finished_run(turn, run);
    if (!turn.out.reads.empty()) {
      return;
    }
    turn.out.answer.reset();  // nobody asked
    if (row != nullptr && !is_final(row->progress.state)) {
      return;
    }
    state = row == nullptr ? std::nullopt : std::optional(row->progress.state);
    watched.ended = state;
  }
  while (!watched.watchers.empty() && turn.has_row_budget()) {
    const Id watcher = *watched.watchers.begin();
    watched.watchers.erase(watched.watchers.begin());
    turn.out.changes.emplace_back(DeleteWatch{{.run = run, .watcher = watcher}});
    write_letter(turn, watcher.shard(), RunEnded{.run = run, .watcher = watcher, .state = state});
  }
  if (!watched.watchers.empty()) {
    turn.to_tell.insert(run);
    return;
  }
  watched_.erase(found);
  untold_.erase(run);
}

// --- runs that wait

void Shard::Inside::watch_again(Turn& turn, Id id) {
  if (const LiveRun* run = find_live(id); run != nullptr &&
                                          run->row.progress.state == RunState::waiting &&
                                          run->row.after_run.is_set()) {
    const Id awaited = run->row.after_run;
    write_letter(turn, awaited.shard(), WatchRun{.run = awaited, .watcher = id});
  }
}

void Shard::Inside::awaited_run_ended(Turn& turn, const RunEnded& news) {
  LiveRun* run = find_live(news.watcher);
  if (run == nullptr || run->row.progress.state != RunState::waiting ||
      run->row.after_run != news.run) {
    return;  // cancelled in the meantime, or its time was over
  }
  RunProgress& progress = run->row.progress;
  if (!news.state) {
    progress.error_kind = "after_run";
    progress.error = "there is no run " + to_string(news.run) + " to wait for";
    if (run->graph) {
      move_workflow(*run, WorkflowEvent::wait_in_vain);
    } else {
      move(*run, RunEvent::wait_in_vain);
    }
    finish(turn, *run);
  } else if (run->graph) {
    begin_workflow(turn, *run);
  } else {
    move(*run, RunEvent::go_on);
    enter_queue(turn, *run);
  }
}

}  // namespace jobflow::engine
