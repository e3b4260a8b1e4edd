#!/bin/sh
# A body that writes down what it does, outside the store: body.sh LEDGER SECONDS [FAILURES]
# Appends are single small writes to a file opened for appending, so lines stay whole.
# Its first FAILURES attempts fail. Later attempts than the first wait for the file $GATE, if set.
ledger=$1
line="$JOBFLOW_RUN_ID $JOBFLOW_TOKEN $JOBFLOW_ATTEMPT"
printf '%s start %s\n' "$line" "$(date +%s%3N)" >>"$ledger"
echo "attempt $JOBFLOW_ATTEMPT sleeps $2"
sleep "$2"
while [ -n "$GATE" ] && [ "$JOBFLOW_ATTEMPT" -gt 1 ] && [ ! -e "$GATE" ]; do sleep 0.05; done
printf '%s end %s\n' "$line" "$(date +%s%3N)" >>"$ledger"
[ "$JOBFLOW_ATTEMPT" -gt "${3:-0}" ]
