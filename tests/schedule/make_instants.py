#!/usr/bin/env python3
"""Writes what cron expressions mean in time zones, as found by walking the calendar with Python's
zoneinfo: an answer to src/schedule that shares no code and no method with it. Clauses S4.2-S4.4.

  python3 tests/schedule/make_instants.py > src/schedule/testdata/instants.tsv

Each line: expression, dialect, zone, gap, repeat, the instant to start after, and the next due
instants (seconds since 1970, UTC), which are all there are before the last column's.
"""

import calendar
import random
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
         "Africa/Casablanca", "Antarctica/Troll", "America/Santiago", "Asia/Kathmandu",
         "Asia/Tehran", "America/Havana", "Europe/Dublin", "Asia/Shanghai", "US/Pacific",
         "Pacific/Chatham", "America/Sao_Paulo", "Asia/Gaza", "Africa/Cairo"]
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
UNIX_DAYS = {name: n for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
EPOCH = datetime(1970, 1, 1)


class Field:
    """Values written down item by item, as the text is made."""

    def __init__(self, text, values, plain):
        self.text, self.values, self.plain = text, values, plain


def numbers(rng, low, high, show=str, wraps=False):
    def one():
        value = rng.randint(low, high)
        kind = rng.randrange(6)
        if kind < 3:
            return show(value), {value}, True
        if kind == 3:
            to = rng.randint(value, high)
            if wraps and value > low and rng.random() < 0.5:
                to = rng.randint(low, value - 1)
                return (f"{show(value)}-{show(to)}",
                        set(range(value, high + 1)) | set(range(low, to + 1)), False)
            return f"{show(value)}-{show(to)}", set(range(value, to + 1)), False
        if kind == 4:
            step = rng.randint(1, high - low + 1)
            return f"*/{step}", set(range(low, high + 1, step)), False
        step = rng.randint(1, high - value + 1)
        return f"{show(value)}/{step}", set(range(value, high + 1, step)), False

    if rng.random() < 0.25:
        return Field("*", set(range(low, high + 1)), False)
    items = [one() for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    return Field(",".join(i[0] for i in items), set().union(*(i[1] for i in items)),
                 all(i[2] for i in items))


def nearest_workday(year, month, day):
    last = calendar.monthrange(year, month)[1]
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else 3
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def day_rule(rng):
    """A text and a function of a date."""
    def last(d):
        return calendar.monthrange(d.year, d.month)[1]
    kind = rng.randrange(6)
    if kind < 3:
        field = numbers(rng, 1, 31)
        return field.text, (lambda d: d.day in field.values)
    if kind == 3:
        n = rng.randint(0, 29)
        return ("L" if n == 0 else f"L-{n}"), (lambda d: d.day == last(d) - n)
    if kind == 4:
        return "LW", (lambda d: d.day == nearest_workday(d.year, d.month, last(d)))
    n = rng.randint(1, 31)
    return f"{n}W", (lambda d: n <= last(d) and d.day == nearest_workday(d.year, d.month, n))


def weekday_rule(rng, quartz, names_only):
    def number(d):  # 0 = Sunday
        return d.isoweekday() % 7
    names = {n: name for name, n in UNIX_DAYS.items()}
    show = (lambda v: names[v]) if names_only else (
        (lambda v: rng.choice([names[v], str(v + 1)])) if quartz else
        (lambda v: rng.choice([names[v], str(v)])))
    kind = rng.randrange(5)
    if kind < 3:
        field = numbers(rng, 0, 6, show, wraps=quartz)
        return field.text, (lambda d: number(d) in field.values)
    day = rng.randint(0, 6)
    if kind == 3:
        return f"{show(day)}L", (
            lambda d: number(d) == day and (d + timedelta(7)).month != d.month)
    nth = rng.randint(1, 5)
    return f"{show(day)}#{nth}", (lambda d: number(d) == day and (d.day - 1) // 7 + 1 == nth)


class Expression:
    def __init__(self, rng):
        self.dialect = rng.choice(["by_fields", "by_fields", "unix_cron", "quartz"])
        seconds = self.dialect == "quartz" or (self.dialect == "by_fields" and rng.random() < 0.3)
        quartz = self.dialect == "quartz"
        # Times of day: few enough to walk.
        while True:
            self.second = numbers(rng, 0, 59) if seconds else Field("0", {0}, True)
            self.minute = numbers(rng, 0, 59, wraps=quartz)
            self.hour = numbers(rng, 0, 23, wraps=quartz)
            if len(self.second.values) * len(self.minute.values) * len(self.hour.values) <= 300:
                break
        self.month = numbers(rng, 1, 12, lambda v: rng.choice([str(v), MONTHS[v - 1]]),
                             wraps=quartz)
        open_mark = "?" if quartz else rng.choice(["*", "?"])
        want_day, want_weekday = rng.choice([(True, False), (False, True), (False, False),
                                             (not seconds, True)])
        day, self.on_day = day_rule(rng) if want_day else ("*", None)
        weekday, self.on_weekday = (weekday_rule(rng, quartz, seconds and not quartz)
                                    if want_weekday else ("*", None))
        self.on_day = None if day == "*" else self.on_day
        self.on_weekday = None if weekday == "*" else self.on_weekday
        if day == "*" and quartz and not want_weekday:
            weekday = "?"
        elif day == "*" and want_weekday:
            day = open_mark
        elif weekday == "*" and want_day:
            weekday = open_mark
        # Only `*` and `?` restrict nothing: a range that holds all does.
        fields = [self.minute.text, self.hour.text, day, self.month.text, weekday]
        if seconds:
            fields.insert(0, self.second.text)
        self.years = None
        if seconds and rng.random() < 0.3:
            year = rng.choice([rng.randint(2020, 2032), rng.randint(2040, 2099)])
            fields.append(f"{year}-{min(2099, year + 3)}")
            self.years = range(year, min(2099, year + 3) + 1)
        self.text = " ".join(fields)

    def matches(self, d):
        if d.month not in self.month.values or (self.years and d.year not in self.years):
            return False
        rules = [rule for rule in (self.on_day, self.on_weekday) if rule]
        return not rules or any(rule(d) for rule in rules)

    def times(self):
        return [timedelta(hours=h, minutes=m, seconds=s) for h in sorted(self.hour.values)
                for m in sorted(self.minute.values) for s in sorted(self.second.values)]


def utc_seconds(naive_utc):
    return int((naive_utc - EPOCH).total_seconds())


def passes(reading, zone):
    """The instants at which the zone's clock shows it, as seconds: none, one, or two."""
    found = []
    for fold in (0, 1):
        instant = reading.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc)
        if instant.astimezone(zone).replace(tzinfo=None) == reading:
            found.append(utc_seconds(instant.replace(tzinfo=None)))
    return sorted(set(found))


def end_of_gap(reading, zone):
    """The first instant after the gap that swallowed it."""
    offsets = [reading.replace(tzinfo=zone, fold=f).utcoffset() for f in (0, 1)]
    low, high = sorted(utc_seconds(reading - o) for o in offsets)

    def offset(second):
        return datetime.fromtimestamp(second, timezone.utc).astimezone(zone).utcoffset()
    before = offset(low)
    while low < high:
        middle = (low + high) // 2
        if offset(middle) == before:
            low = middle + 1
        else:
            high = middle
    return low


def due_instants(expression, zone, gap, repeat, begin, days):
    due = set()
    for n in range(-2, days + 3):
        day = begin.date() + timedelta(n)
        if day.year > 2099 or not expression.matches(day):
            continue
        midnight = datetime(day.year, day.month, day.day)
        for time in expression.times():
            shown = passes(midnight + time, zone)
            if not expression.hour.plain:
                due.update(shown)
            elif not shown:
                if gap == "run_after":
                    due.add(end_of_gap(midnight + time, zone))
            elif repeat == "both":
                due.update(shown)
            else:
                due.add(shown[0] if repeat == "first" else shown[-1])
    return due


def changes_of(zone, year):
    """Some moments just before the zone's clock jumps."""
    found, second = [], utc_seconds(datetime(year, 1, 1))
    end = utc_seconds(datetime(year + 1, 1, 1))
    offset = None
    while second < end:
        now = datetime.fromtimestamp(second, timezone.utc).astimezone(zone).utcoffset()
        if offset is not None and now != offset:
            found.append(second)
        offset = now
        second += 3600 * 6
    return found


def main():
    rng = random.Random(20261123)
    made = 0
    while made < 2500:
        expression = Expression(rng)
        name = rng.choice(ZONES)
        zone = ZoneInfo(name)
        gap, repeat = rng.choice(["run_after", "skip"]), rng.choice(["first", "second", "both"])
        year = rng.choice([2011, 2024, 2026, 2027, 2030, 2037, 2038, 2051, 2099])
        if expression.years:
            year = rng.choice(expression.years)
        jumps = changes_of(zone, year)
        if jumps and rng.random() < 0.8:
            begin = datetime.fromtimestamp(rng.choice(jumps) - rng.randint(0, 2 * 86400), timezone.utc)
        else:
            begin = datetime(year, rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23),
                             rng.randint(0, 59), rng.randint(0, 59), tzinfo=timezone.utc)
        begin = begin.replace(tzinfo=None)
        days = 4 if len(expression.times()) > 20 else 60
        end = utc_seconds(begin) + (days - 2) * 86400
        if end > utc_seconds(datetime(2099, 12, 30)):
            continue
        due = due_instants(expression, zone, gap, repeat, begin, days)
        inside = sorted(s for s in due if utc_seconds(begin) < s < end)
        if not inside and rng.random() < 0.9:
            continue
        if len(inside) > 12:
            end = inside[12]
            inside = inside[:12]
        print("\t".join([expression.text, expression.dialect, name, gap, repeat,
                         str(utc_seconds(begin)), " ".join(map(str, inside)), str(end)]))
        made += 1


if __name__ == "__main__":
    main()
