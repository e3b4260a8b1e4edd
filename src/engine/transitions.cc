#include "engine/transitions.h"

#include "model/check.h"

#include <array>
#include <atomic>

namespace jobflow::engine {
namespace {

// A cell of a table. Moves name their target; `ignore` is a duplicate or a race that lost, `refuse`
// cannot happen here: whoever asked gets `wrong_state`, a report is recorded as stale.
template <class State>
using Cell = Transition<State>;

template <class State>
constexpr Cell<State> to(State state) {
  return {Verdict::move, state};
}

// A table of every state x event pair, and which moves were looked up in this process.
template <class State, class Event, int states, int events>
struct Table {
  std::array<std::array<Cell<State>, events>, states> cells;
  mutable std::array<std::array<std::atomic<bool>, events>, states> taken{};

  Cell<State> look_up(State state, Event event) const {
    const auto row = static_cast<std::size_t>(state);
    const auto column = static_cast<std::size_t>(event);
    check(row < states && column < events, "transition out of range");
    taken[row][column].store(true, std::memory_order_relaxed);
    return cells[row][column];
  }
};

using RunTable = Table<RunState, RunEvent, kRunStates, kRunEvents>;
using WorkflowTable = Table<RunState, WorkflowEvent, kRunStates, kWorkflowEvents>;
using AttemptTable = Table<AttemptState, AttemptEvent, kAttemptStates, kAttemptEvents>;
using TriggerTable = Table<TriggerState, TriggerEvent, kTriggerStates, kTriggerEvents>;
using BackfillTable = Table<BackfillState, BackfillEvent, kBackfillStates, kBackfillEvents>;

const RunTable& run_table() {
  using enum RunState;
  constexpr Cell<RunState> no{Verdict::refuse, pending};
  constexpr Cell<RunState> __{Verdict::ignore, pending};
  // clang-format off
  static const RunTable table{{{
      //               come_due    assign       return_unsent  succeed        fail_finally retry_later    time_out       ask_cancel      confirm_cancel expire       retry_by_hand set_aside   go_on       wait_in_vain
      /* pending   */ {{no,         no,          no,            no,            no,          no,            no,            no,             no,            no,          no,           no,         no,         no}},
      /* scheduled */ {{to(queued), no,          __,            no,            no,          no,            to(timed_out), to(cancelled),  __,             __,          no,           to(failed), __,         __}},
      /* queued    */ {{__,         to(running), __,            no,            no,          no,            to(timed_out), to(cancelled),  __,             to(expired), no,           to(failed), __,         __}},
      /* running   */ {{__,         no,          to(queued),    to(succeeded), to(failed),  to(scheduled), to(timed_out), to(cancelling), no,            __,          no,           to(failed), __,         __}},
      /* waiting   */ {{no,         no,          no,            no,            no,          no,            no,            to(cancelled),  no,            to(expired), no,           to(failed), to(queued), to(failed)}},
      /* cancelling*/ {{__,         no,          to(cancelled), to(succeeded), no,          no,            no,            __,             to(cancelled), __,          no,           to(failed), __,         __}},
      /* paused    */ {{no,         no,          no,            no,            no,          no,            no,            no,             no,            no,          no,           no,         no,         no}},
      /* succeeded */ {{__,         no,          __,            __,            __,          __,            __,            no,             __,            __,          no,           __,         __,         __}},
      /* failed    */ {{__,         no,          __,            __,            __,          __,            __,            no,             __,            __,          to(queued),   __,         __,         __}},
      /* cancelled */ {{__,         no,          __,            __,            __,          __,            __,            __,             __,            __,          to(queued),   __,         __,         __}},
      /* timed_out */ {{__,         no,          __,            __,            __,          __,            __,            no,             __,            __,          to(queued),   __,         __,         __}},
      /* expired   */ {{__,         no,          __,            __,            __,          __,            __,            no,             __,            __,          to(queued),   __,         __,         __}},
      /* skipped   */ {{__,         no,          __,            __,            __,          __,            __,            no,             __,            __,          no,           __,         __,         __}},
  }}};
  // clang-format on
  return table;
}

const WorkflowTable& workflow_table() {
  using enum RunState;
  constexpr Cell<RunState> no{Verdict::refuse, pending};
  constexpr Cell<RunState> __{Verdict::ignore, pending};
  // clang-format off
  static const WorkflowTable table{{{
      //               begin        complete       complete_failed ask_cancel      all_cancelled  retry_by_hand set_aside       wait_in_vain expire       time_out        all_timed_out
      /* pending   */ {{no,          no,            no,             no,             no,            no,           no,              no,          no,          no,             no}},
      /* scheduled */ {{to(running), no,            no,             to(cancelled),  no,            no,           to(failed),      __,          __,          __,             __}},
      /* queued    */ {{no,          no,            no,             no,             no,            no,           no,              no,          no,          no,             no}},
      /* running   */ {{__,          to(succeeded), to(failed),     to(cancelling), no,            to(running),  to(cancelling),  __,          __,          to(cancelling), no}},
      /* waiting   */ {{to(running), no,            no,             to(cancelled),  no,            no,           to(failed),      to(failed),  to(expired), __,             __}},
      /* cancelling*/ {{__,          no,            to(failed),     __,             to(cancelled), no,           to(cancelling),  __,          __,          __,             to(timed_out)}},
      /* paused    */ {{no,          no,            no,             no,             no,            no,           no,              no,          no,          no,             no}},
      /* succeeded */ {{__,          no,            no,             no,             no,            to(running),  __,              __,          __,          __,             __}},
      /* failed    */ {{__,          no,            no,             no,             no,            to(running),  __,              __,          __,          __,             __}},
      /* cancelled */ {{__,          no,            no,             __,             no,            to(running),  __,              __,          __,          __,             __}},
      /* timed_out */ {{__,          no,            no,             no,             no,            to(running),  __,              __,          __,          __,             __}},
      /* expired   */ {{__,          no,            no,             no,             no,            to(running),  __,              __,          __,          __,             __}},
      /* skipped   */ {{__,          no,            no,             no,             no,            no,           __,              __,          __,          __,             __}},
  }}};
  // clang-format on
  return table;
}

const AttemptTable& attempt_table() {
  using enum AttemptState;
  constexpr Cell<AttemptState> no{Verdict::refuse, assigned};
  constexpr Cell<AttemptState> __{Verdict::ignore, assigned};
  // clang-format off
  static const AttemptTable table{{{
      //              succeed        fail        time_out       lose      cancel         return_unsent
      /* assigned  */ {{to(succeeded), to(failed), to(timed_out), to(lost), to(cancelled), to(not_sent)}},
      /* succeeded */ {{__,            no,         __,            __,       __,            no}},
      /* failed    */ {{no,            __,         __,            __,       __,            no}},
      /* timed_out */ {{no,            no,         __,            __,       __,            no}},
      /* lost      */ {{no,            no,         no,            __,       no,            no}},
      /* cancelled */ {{no,            no,         __,            __,       __,            no}},
      /* not_sent  */ {{no,            no,         no,            __,       __,            __}},
  }}};
  // clang-format on
  return table;
}

const TriggerTable& trigger_table() {
  using enum TriggerState;
  constexpr Cell<TriggerState> __{Verdict::ignore, active};
  // clang-format off
  static const TriggerTable table{{{
      //              fire         run_out       pause       resume      set_aside                    await_end    end_came
      /* active    */ {{to(active),  to(finished), to(paused), __,         to(TriggerState::set_aside), to(waiting), __}},
      /* paused    */ {{__,          __,           __,         to(active), __,                          __,          __}},
      /* finished  */ {{__,          __,           to(paused), to(active), __,                          __,          __}},
      /* set_aside */ {{__,          __,           to(paused), to(active), __,                          __,          __}},
      /* waiting   */ {{to(waiting), to(finished), to(paused), __,         to(TriggerState::set_aside), __,          to(active)}},
  }}};
  // clang-format on
  return table;
}

const BackfillTable& backfill_table() {
  using enum BackfillState;
  constexpr Cell<BackfillState> no{Verdict::refuse, running};
  constexpr Cell<BackfillState> __{Verdict::ignore, running};
  // clang-format off
  static const BackfillTable table{{{
      //               pause       resume       ask_cancel      end
      /* running   */ {{to(paused), __,          to(cancelling), to(finished)}},
      /* paused    */ {{__,         to(running), to(cancelling), no}},
      /* cancelling*/ {{no,         no,          __,             to(cancelled)}},
      /* finished  */ {{no,         no,          no,             no}},
      /* cancelled */ {{no,         no,          no,             no}},
  }}};
  // clang-format on
  return table;
}

template <class State, class Event, int states, int events>
void print_table(std::string& page,
                 const Table<State, Event, states, events>& table,
                 std::string_view title) {
  page.append("\n## ").append(title).append("\n\n```mermaid\nstateDiagram-v2\n");
  for (int row = 0; row < states; ++row) {
    for (int column = 0; column < events; ++column) {
      const auto& cell =
          table.cells[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
      if (cell.verdict == Verdict::move) {
        page.append("  ").append(to_string(static_cast<State>(row)));
        page.append(" --> ").append(to_string(cell.to));
        page.append(": ").append(to_string(static_cast<Event>(column))).append("\n");
      }
    }
  }
  page.append("```\n\n| state |");
  for (int column = 0; column < events; ++column) {
    page.append(" ").append(to_string(static_cast<Event>(column))).append(" |");
  }
  page.append("\n|---|");
  for (int column = 0; column < events; ++column) {
    page.append("---|");
  }
  for (int row = 0; row < states; ++row) {
    page.append("\n| **").append(to_string(static_cast<State>(row))).append("** |");
    for (const auto& cell : table.cells[static_cast<std::size_t>(row)]) {
      switch (cell.verdict) {
        case Verdict::move:
          page.append(" ").append(to_string(cell.to)).append(" |");
          break;
        case Verdict::ignore:
          page.append(" · |");
          break;
        case Verdict::refuse:
          page.append(" – |");
          break;
      }
    }
  }
  page.append("\n");
}

template <class State, class Event, int states, int events>
void list_untaken(std::string& text,
                  const Table<State, Event, states, events>& table,
                  std::string_view machine) {
  for (std::size_t row = 0; row < states; ++row) {
    for (std::size_t column = 0; column < events; ++column) {
      const auto& cell = table.cells[row][column];
      if (cell.verdict == Verdict::move &&
          !table.taken[row][column].load(std::memory_order_relaxed)) {
        text.append(machine).append(": ").append(to_string(static_cast<State>(row)));
        text.append(" --").append(to_string(static_cast<Event>(column))).append("--> ");
        text.append(to_string(cell.to)).append("\n");
      }
    }
  }
}

template <class Names, class Event>
std::string_view name_of(const Names& names, Event event) {
  const auto index = static_cast<std::size_t>(event);
  check(index < names.size(), "event out of range");
  return names[index];
}

}  // namespace

Transition<RunState> run_transition(RunState state, RunEvent event) {
  return run_table().look_up(state, event);
}
Transition<RunState> workflow_transition(RunState state, WorkflowEvent event) {
  return workflow_table().look_up(state, event);
}
Transition<AttemptState> attempt_transition(AttemptState state, AttemptEvent event) {
  return attempt_table().look_up(state, event);
}
Transition<TriggerState> trigger_transition(TriggerState state, TriggerEvent event) {
  return trigger_table().look_up(state, event);
}
Transition<BackfillState> backfill_transition(BackfillState state, BackfillEvent event) {
  return backfill_table().look_up(state, event);
}

std::string_view to_string(RunEvent event) {
  static constexpr std::array<std::string_view, kRunEvents> kNames{
      "come_due",      "assign",    "return_unsent", "succeed",        "fail_finally",
      "retry_later",   "time_out",  "ask_cancel",    "confirm_cancel", "expire",
      "retry_by_hand", "set_aside", "go_on",         "wait_in_vain"};
  return name_of(kNames, event);
}
std::string_view to_string(WorkflowEvent event) {
  static constexpr std::array<std::string_view, kWorkflowEvents> kNames{
      "begin",         "complete",      "complete_failed", "ask_cancel",
      "all_cancelled", "retry_by_hand", "set_aside",       "wait_in_vain",
      "expire",        "time_out",      "all_timed_out"};
  return name_of(kNames, event);
}
std::string_view to_string(AttemptEvent event) {
  static constexpr std::array<std::string_view, kAttemptEvents> kNames{
      "succeed", "fail", "time_out", "lose", "cancel", "return_unsent"};
  return name_of(kNames, event);
}
std::string_view to_string(TriggerEvent event) {
  static constexpr std::array<std::string_view, kTriggerEvents> kNames{
      "fire", "run_out", "pause", "resume", "set_aside", "await_end", "end_came"};
  return name_of(kNames, event);
}
std::string_view to_string(BackfillEvent event) {
  static constexpr std::array<std::string_view, kBackfillEvents> kNames{"pause", "resume",
                                                                        "ask_cancel", "end"};
  return name_of(kNames, event);
}

std::string state_machines_page() {
  std::string page =
      "# State machines\n\n"
      "Printed from the transition tables in `src/engine/transitions.cc`. A test fails when this "
      "page\n"
      "is stale; `JOBFLOW_REWRITE=1` makes it write the page anew.\n\n"
      "`·` is ignored (a duplicate, or a race that lost), `–` is refused: it cannot happen there, "
      "an\n"
      "asker gets `wrong_state`, a report is recorded as stale. `pending` is derived (a step "
      "whose\n"
      "needs are open has no row); nothing enters `paused` yet.\n";
  print_table(page, run_table(), "Run of a job or a step");
  print_table(page, workflow_table(), "Run of a workflow");
  print_table(page, attempt_table(), "Attempt");
  print_table(page, trigger_table(), "Trigger");
  print_table(page, backfill_table(), "Backfill");
  return page;
}

std::string untaken_moves() {
  std::string text;
  list_untaken(text, run_table(), "run");
  list_untaken(text, workflow_table(), "workflow run");
  list_untaken(text, attempt_table(), "attempt");
  list_untaken(text, trigger_table(), "trigger");
  list_untaken(text, backfill_table(), "backfill");
  return text;
}

}  // namespace jobflow::engine
