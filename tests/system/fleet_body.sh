#!/bin/sh
# A process body of the fleet test: it says in the ledger that it started, lives on and ended, and
# leaves children that detach themselves: fleet_body.sh LEDGER BEATS [FAILURES [stubborn|shorter]]
# Its first FAILURES attempts fail. A stubborn one ignores TERM; later attempts of a shorter one are
# short.
# One write a line, to a file opened for appending: the lines' order is that of what happened. Only
# this process writes, by the shell's own means, so what is written tells that it lives.
ledger=$1
say() {
  printf '%s %s %s %s %s %s %s\n' "$JOBFLOW_RUN_ID" "$JOBFLOW_TOKEN" "$JOBFLOW_ATTEMPT" \
    "$JOBFLOW_JOB" "${KEY:--}" "$FLEET_WORKER" "$1" >>"$ledger"
}
say start
[ "$4" = stubborn ] && trap '' TERM
sleep 1000 &                                   # a child of its group
setsid -f sleep 1000 >/dev/null 2>&1           # a session of its own, and no parent
setsid -f sh -c '(sleep 1000 &) ; sleep 1000' >/dev/null 2>&1 </dev/null
beats=$2
[ "$4" = shorter ] && [ "$JOBFLOW_ATTEMPT" -gt 1 ] && beats=3
while [ "$beats" -gt 0 ]; do
  sleep 0.15
  say beat
  beats=$((beats - 1))
done
say end
[ "$JOBFLOW_ATTEMPT" -gt "${3:-0}" ]
