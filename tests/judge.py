"""Judges the promises of S1 from two things only: the lines that bodies appended to files outside
the store, and the store's rows after the end. Shares no code with the product.

A ledger line: RUN TOKEN ATTEMPT start|end TIME_MS
"""

import collections
import dataclasses
import os
import shutil
import sqlite3
import tempfile

# The numbers that the store's rows use.
SUCCEEDED, FAILED, FIRST_FINAL = 7, 8, 7
STEP, WORKFLOW = 2, 1


@dataclasses.dataclass(frozen=True)
class Line:
    run: int
    token: int
    attempt: int
    what: str
    time: int


@dataclasses.dataclass(frozen=True)
class Run:
    id: int
    state: int
    kind: int
    definition: int
    parent: int
    trigger: int
    planned: int
    attempt: int
    token: int
    step: str
    key: str
    error_kind: str
    error: str


@dataclasses.dataclass(frozen=True)
class Attempt:
    run: int
    number: int
    token: int
    state: int


@dataclasses.dataclass(frozen=True)
class Skipped:
    trigger: int
    first: int
    last: int
    count: int
    reason: str


@dataclasses.dataclass(frozen=True)
class EverySecond:
    """A trigger that is due each second, from its saving to its end: when each was asked for and
    when it was acknowledged."""
    trigger: int
    save_asked: int
    saved: int
    end_asked: int
    ended: int


@dataclasses.dataclass
class Rows:
    runs: dict
    attempts: list
    skipped: list


def read_ledger(path):
    """The lines of a ledger; a line that is not whole is a finding of its own, so it raises."""
    lines = []
    with open(path, encoding="ascii") as file:
        for text in file:
            run, token, attempt, what, time = text.split()
            lines.append(Line(int(run), int(token), int(attempt), what, int(time)))
    return lines


def read_rows(folder):
    """Reads a copy, so that looking changes nothing, not even which recovery the server must do."""
    with tempfile.TemporaryDirectory() as copy:
        for suffix in ("", "-wal"):
            source = os.path.join(folder, "jobflow.db" + suffix)
            if os.path.exists(source):
                shutil.copy(source, os.path.join(copy, "jobflow.db" + suffix))
        store = sqlite3.connect(os.path.join(copy, "jobflow.db"))
        try:
            return Rows(
                runs={row[0]: Run(*row) for row in store.execute(
                    "select id, state, kind, definition, parent, trigger_id, planned, attempt,"
                    " token, step, idempotency_key, error_kind, error from runs")},
                attempts=[Attempt(*row) for row in store.execute(
                    "select run, number, token, state from attempts")],
                skipped=[Skipped(*row) for row in store.execute(
                    "select trigger_id, from_time, to_time, count, reason from skipped_firings")])
        finally:
            store.close()


def unfinished(rows):
    return [run for run in rows.runs.values() if run.state < FIRST_FINAL]


def every_instant_has_its_outcome(rows, trigger):
    """S1.1, I2: each due second is exactly one run, or recorded as skipped."""
    outcomes = collections.Counter(
        run.planned for run in rows.runs.values() if run.trigger == trigger.trigger)
    for row in rows.skipped:
        if row.trigger != trigger.trigger:
            continue
        seconds = range(row.first, row.last + 1, 1000)
        if len(seconds) != row.count:
            yield (f"S1.1: the skipped row {row.first}-{row.last} counts {row.count},"
                   f" but there are {len(seconds)} seconds")
        outcomes.update(seconds)
    first = trigger.saved // 1000 * 1000 + 1000
    for second in range(first, trigger.end_asked, 1000):
        if outcomes[second] == 0:
            yield f"S1.1: trigger {trigger.trigger} was due at {second} and has no outcome"
    for instant, count in sorted(outcomes.items()):
        if count > 1:
            yield f"S1.1: trigger {trigger.trigger} has {count} outcomes for {instant}"
        if not trigger.save_asked < instant <= trigger.ended or instant % 1000:
            yield f"S1.1: trigger {trigger.trigger} fired at {instant}, when nothing was due"


def acknowledged_runs_are_there(rows, acknowledged):
    """S1.5: what was acknowledged exists."""
    for run in sorted(acknowledged):
        if run not in rows.runs:
            yield f"S1.5: run {run} was acknowledged and is gone"


def keys_made_one_run(rows, keys):
    """S5.2: a key that was sent again and again made one run, the one it was answered with."""
    made = collections.defaultdict(set)
    for run in rows.runs.values():
        if run.key:
            made[run.key].add(run.id)
    for key, answered in sorted(keys.items()):
        if len(made[key]) > 1:
            yield f"S5.2: key {key} made the runs {sorted(made[key])}"
        if len(answered) > 1 or answered - made[key]:
            yield f"S5.2: key {key} was answered with {sorted(answered)}, made {sorted(made[key])}"


def bodies_ran(rows, lines, max_attempts, has_body):
    """S1.2: what was accepted ended, and ran; S6.7: never more often than allowed."""
    starts = collections.Counter(line.run for line in lines if line.what == "start")
    ends = collections.Counter(line.run for line in lines if line.what == "end")
    for run in rows.runs.values():
        name = f"run {run.id} (state {run.state}, {run.error_kind or 'no error'})"
        if run.state < FIRST_FINAL:
            yield f"S1.2: {name} never ended"
        if not has_body(run):
            continue
        allowed = max_attempts(run)
        if run.state == SUCCEEDED and not (starts[run.id] and ends[run.id]):
            yield f"S1.2: {name} is said to have succeeded, but its body did not run to its end"
        if run.state == FAILED and allowed > 1 and run.attempt < allowed:
            yield f"S1.2: {name} was given up after {run.attempt} of {allowed} attempts"
        if starts[run.id] > allowed:
            yield f"S6.7: {name} was started {starts[run.id]} times, allowed {allowed}"
        if allowed == 1 and run.error_kind == "lost" and run.attempt != 1:
            yield f"S6.7: {name} is lost with {run.attempt} attempts"
    for run in sorted(set(starts) - set(rows.runs)):
        yield f"I4: run {run} was started and is not in the store"


def tokens_grow(rows, lines):
    """S1.3: a token starts one body, and a later attempt has a greater one."""
    started = collections.Counter(line.token for line in lines if line.what == "start")
    for token, count in sorted(started.items()):
        if count > 1:
            yield f"S6.5: token {token} was started {count} times"
    known = collections.defaultdict(set)  # run -> {(attempt, token)}
    for line in lines:
        known[line.run].add((line.attempt, line.token))
    for attempt in rows.attempts:
        known[attempt.run].add((attempt.number, attempt.token))
    for run in rows.runs.values():
        if run.token:
            known[run.id].add((run.attempt, run.token))
    for run, attempts in sorted(known.items()):
        ordered = sorted(attempts)
        for (number, token), (later_number, later_token) in zip(ordered, ordered[1:]):
            if number == later_number:
                # Sent again under another token only when the first is known not sent (S6.7).
                continue
            if later_token <= token:
                yield (f"S1.3: run {run}: token {token} of attempt {number} is not below"
                       f" {later_token} of attempt {later_number}")


def judge(rows, lines, *, acknowledged=(), keys=None, triggers=(), max_attempts, has_body):
    """Every complaint, each with the clause it breaks."""
    complaints = []
    for trigger in triggers:
        complaints += every_instant_has_its_outcome(rows, trigger)
    complaints += acknowledged_runs_are_there(rows, acknowledged)
    complaints += keys_made_one_run(rows, keys or {})
    complaints += bodies_ran(rows, lines, max_attempts, has_body)
    complaints += tokens_grow(rows, lines)
    return complaints
