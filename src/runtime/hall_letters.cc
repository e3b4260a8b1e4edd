// Letters between shards (I10): once durable they go to whoever owns the receiver, and what became
// of them comes back. Whatever is lost on the way, or finds nobody, is sent again by its shard.
#include "runtime/hall_inside.h"

namespace jobflow::runtime {

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
