"""Judges a fleet of workers that were killed, stopped, cut off and drained: from what their bodies
wrote down outside the store, what was done to the workers, and the store's rows after the end.
Shares no code with the product.

All of it stands in one ledger, appended to by single writes, so that the order of its lines is the
order of what happened and no clocks are compared:

    RUN TOKEN ATTEMPT JOB KEY PROCESS start|beat|stopped|end     a body, which lives when it writes
    act stop|awake|cut|healed|kill|drain PROCESS                 what was done to a worker's process

A body lives from its first line to its last at least. More bodies than a limit allows are a breach,
but for the case of S7.7 in which only the token protects: a body whose attempt the store has given
up as lost, and whose worker's process was stopped while it lived (`stop` to `awake`), or was cut
off and the handler is `detached`. Then its token must be below its successors'.
"""

import collections
import dataclasses

import judge

LOST = 4  # an attempt's state in the store's rows


@dataclasses.dataclass(frozen=True)
class Job:
    """What a job of the test may do."""
    max_attempts: int = 1
    max_runs: int = 0  # 0 = no limit
    max_runs_per_key: int = 0
    detached: bool = False
    must_succeed: bool = False


@dataclasses.dataclass(frozen=True)
class Word:
    place: int
    run: int
    token: int
    attempt: int
    job: str
    key: str
    process: str
    what: str


@dataclasses.dataclass(frozen=True)
class Act:
    place: int
    what: str
    process: str


@dataclasses.dataclass(frozen=True)
class Body:
    run: int
    token: int
    job: str
    key: str
    process: str
    first: int
    last: int


@dataclasses.dataclass(frozen=True)
class Overlap:
    """More bodies at once than the limit, as S7.7 says it may be: the stale beside the rightful."""
    group: tuple
    why: str  # stopped | detached
    stale: tuple
    rightful: tuple


@dataclasses.dataclass
class Verdict:
    complaints: list
    overlaps: list


def read_ledger(path):
    with open(path, encoding="ascii") as file:
        return [parse(place, line) for place, line in enumerate(file)]


def parse(place, line):
    words = line.split()
    if words[0] == "act":
        return Act(place, *words[1:])
    run, token, attempt, *rest = words
    return Word(place, int(run), int(token), int(attempt), *rest)


def bodies_of(words):
    """Token -> Body; of a token that was started twice, the first line counts."""
    bodies = {}
    for word in words:
        known = bodies.get(word.token)
        bodies[word.token] = Body(word.run, word.token, word.job, word.key, word.process,
                                  known.first if known else word.place, word.place)
    return bodies


def spans_of(acts, begin, end):
    """Process -> the spans of places from each `begin` to its `end`."""
    spans = collections.defaultdict(list)
    for act in acts:
        if act.what == begin:
            spans[act.process].append((act.place, float("inf")))
        elif act.what == end and spans[act.process]:
            spans[act.process][-1] = (spans[act.process][-1][0], act.place)
    return spans


def given_up(rows):
    """The tokens that the store has as lost."""
    tokens = {attempt.token for attempt in rows.attempts if attempt.state == LOST}
    return tokens | {run.token for run in rows.runs.values() if run.error_kind == "lost"}


class Excuses:
    """Why a body may live beside those that took its place."""

    def __init__(self, jobs, acts, rows):
        self.jobs = jobs
        self.lost = given_up(rows)
        self.stopped = spans_of(acts, "stop", "awake")
        self.cut = spans_of(acts, "cut", "healed")

    def of(self, body, place):
        """`stopped` or `detached`; None when it has none at that place."""
        def was(spans):
            return any(begin < place and begin < body.last and body.first < end
                       for begin, end in spans[body.process])
        if body.token not in self.lost:
            return None
        if was(self.stopped):
            return "stopped"
        return "detached" if self.jobs[body.job].detached and was(self.cut) else None


def limits_held(jobs, bodies, excuses, overlaps):
    """S3.5, I10; what S7.7 excuses goes to `overlaps`."""
    groups = collections.defaultdict(list)
    for body in bodies.values():
        job = jobs[body.job]
        if job.max_runs:
            groups[(body.job,), job.max_runs].append(body)
        if job.max_runs_per_key:
            groups[(body.job, body.key), job.max_runs_per_key].append(body)
    for (group, limit), members in sorted(groups.items()):
        alive = []
        for body in sorted(members, key=lambda one: one.first):
            alive = [one for one in alive if one.last > body.first] + [body]
            if len(alive) <= limit:
                continue
            why = {one: excuses.of(one, body.first) for one in alive}
            rightful = tuple(one for one in alive if why[one] is None)
            if len(rightful) > limit:
                yield (f"S3.5: {len(rightful)} bodies of {'/'.join(group)} at once, the limit is"
                       f" {limit}: " + ", ".join(f"run {one.run} token {one.token} on {one.process}"
                                                 for one in rightful) + f", at line {body.first}")
                continue
            stale = tuple(one for one in alive if why[one])
            overlaps.append(Overlap(group, max(why[one] for one in stale), stale, rightful))
            if limit == 1 and rightful and max(one.token for one in stale) >= rightful[0].token:
                yield (f"S7.7: a stale body of {'/'.join(group)} (run {stale[-1].run}) has the token"
                       f" {stale[-1].token}, not below {rightful[0].token} of run {rightful[0].run}")


def tokens_protect(jobs, words, rows):
    """S1.3, S1.4: what a resource sees that refuses all but the highest token it has seen: it never
    refuses a body that the store says succeeded."""
    good = {run.token for run in rows.runs.values() if run.state == judge.SUCCEEDED}
    highest = collections.defaultdict(int)
    refused = collections.Counter()
    for word in words:
        job = jobs[word.job]
        if job.max_runs != 1 and job.max_runs_per_key != 1:
            continue
        resource = (word.job, word.key if job.max_runs_per_key == 1 else "")
        highest[resource] = max(highest[resource], word.token)
        if word.token < highest[resource]:
            refused[word.token] += 1
            if word.token in good:
                good.discard(word.token)
                yield (f"S1.3: run {word.run} succeeded with token {word.token}, but after"
                       f" {highest[resource]} had been seen")
    return refused


def attempts_that_succeeded_ran(jobs, words, rows):
    """S1.2: not some body of the run, but that of the attempt that counts."""
    said = collections.defaultdict(set)
    for word in words:
        said[word.token].add(word.what)
    for run in rows.runs.values():
        if run.state == judge.SUCCEEDED and not {"start", "end"} <= said[run.token]:
            yield (f"S1.2: run {run.id} succeeded with token {run.token}, whose body said"
                   f" {sorted(said[run.token])}")


def fates_are_right(jobs, names, words, rows):
    """S1.2: a run that may be tried again is, until it succeeds."""
    started = {word.run for word in words}
    for run in rows.runs.values():
        job = jobs[names[run.definition]]
        if job.must_succeed and run.state != judge.SUCCEEDED:
            yield (f"S1.2: run {run.id} of {names[run.definition]} is {run.state}"
                   f" ({run.error_kind}: {run.error}) after {run.attempt} attempts")
        # All its attempts may have been lost on their way (S6.7); nothing else ends it unseen.
        is_used_up = run.error_kind == "lost" and run.attempt == job.max_attempts
        if run.id not in started and not is_used_up:
            yield f"S1.2: run {run.id} of {names[run.definition]} never had a body"


def judged(rows, ledger, jobs, names, acknowledged):
    """`jobs` by name, `names` by the definitions' ids."""
    words = [one for one in ledger if isinstance(one, Word)]
    acts = [one for one in ledger if isinstance(one, Act)]
    lines = [judge.Line(word.run, word.token, word.attempt, word.what, word.place)
             for word in words]
    complaints = judge.judge(rows, lines, acknowledged=acknowledged,
                             max_attempts=lambda run: jobs[names[run.definition]].max_attempts,
                             has_body=lambda run: True)
    overlaps = []
    complaints += limits_held(jobs, bodies_of(words), Excuses(jobs, acts, rows), overlaps)
    complaints += tokens_protect(jobs, words, rows)
    complaints += attempts_that_succeeded_ran(jobs, words, rows)
    complaints += fates_are_right(jobs, names, words, rows)
    return Verdict(complaints, overlaps)
