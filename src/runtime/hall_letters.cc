// Letters between shards (I10): once durable they go to whoever owns the receiver, and what became
// of them comes back. Whatever is lost on the way, or finds nobody, is sent again by its shard.
#include "runtime/hall_inside.h"

#include <algorithm>

namespace jobflow::runtime {

// What the timer of letters sends was sent before, by this memory of the shard or another.
void Hall::Inside::count_sent_again(const engine::Request& request,
                                    const engine::Decision& decision) {
  const auto* due = std::get_if<engine::TimerDue>(&request);
  if (due != nullptr && due->timer.kind == engine::TimerSubject::letters) {
    metrics_.letters_sent_again.add(static_cast<std::uint64_t>(std::count_if(
        decision.effects.begin(), decision.effects.end(),
        [](const auto& effect) { return std::holds_alternative<engine::SendLetter>(effect); })));
  }
}

void Hall::Inside::set_letter_gauges() {
  double waiting = 0;
  Instant oldest = at_.now;
  for (const Seat& seat : seats_) {
    if (seat.shard) {
      waiting += static_cast<double>(seat.shard->letters_waiting());
      oldest = std::min(oldest, seat.shard->letters_wait_since());
    }
  }
  metrics_.letters_waiting.set(waiting);
  metrics_.letters_oldest_age_seconds.set(static_cast<double>((at_.now - oldest).ms) / 1000.0);
}

void Hall::Inside::send_letter(LetterRow letter) {
  const ShardNumber to = letter.to;
  tell_shard(to, LetterSent{std::move(letter)});
}

void Hall::Inside::send_letter_ack(const engine::SendLetterAck& ack) {
  tell_shard(ack.from, LetterApplied{.from = ack.from, .to = ack.to, .up_to = ack.up_to});
}

// Two shards of one member use the same path, but for the link: never a decision within another.
void Hall::Inside::tell_shard(ShardNumber number, decltype(MemberMessage::what) what) {
  if (number >= seats_.size()) {
    return;
  }
  if (seats_[number].is_ours) {
    take_letters(std::move(what));
  } else {
    send_member(seats_[number].owner, std::move(what));
  }
}

void Hall::Inside::take_letters(decltype(MemberMessage::what) what) {
  if (auto* sent = std::get_if<LetterSent>(&what)) {
    const ShardNumber to = sent->letter.to;
    go_on_with(to, engine::LetterCame{.letter = std::move(sent->letter)});
  } else if (const auto* applied = std::get_if<LetterApplied>(&what)) {
    go_on_with(
        applied->from,
        engine::LetterAcked{.from = applied->from, .to = applied->to, .up_to = applied->up_to});
  }
}

// In this turn, or the next one.
void Hall::Inside::go_on_with(ShardNumber number, engine::Request request) {
  if (number < seats_.size() && seats_[number].is_ours) {
    more_.emplace_back(number, std::move(request));
  }
}

}  // namespace jobflow::runtime
