/* Who may write: the fence, the receipt after a lost answer, takeover and hand-over (house 4: I1,
 * I1a-I1e), for two members and one shard. tests/model/README.md maps it to the code.
 *
 * Every batch has content (which try under its number it is), so that "it landed" can be held against
 * "this landed".
 * The network keeps copies of what was sent: a member sends a batch again while the first sending
 * may still land, and answers get lost. Members crash, restart under their name, and believe what
 * they believed however long they slept. Silence is judged by nobody knows whom: any member may
 * declare the other dead at any time, which is all that clocks could do wrong.
 *
 * Protections are turned off by -D: NO_FENCE, RECEIPT_BY_READ, NO_EPOCH_RAISE, BLIND_TAKEOVER,
 * EARLY_EFFECTS, ANSWER_BY_NUMBER. Each must then be caught.
 */

#define N 2
#ifndef BATCHES
#define BATCHES 3 /* a member's, ever */
#endif
#ifndef TERMS
#define TERMS 3
#endif
#ifndef CRASHES
#define CRASHES 1 /* a member's */
#endif

mtype = { write, hand_over, take_over, claim };             /* what a batch does */
mtype = { landed, fenced, not_as_seen, changed };           /* what the store answers */

/* --- the store: rows, and ghosts that no code reads */
byte term[N] = 1;
byte batch[N] = 0;
byte owner = 0;
byte epoch = 1;

typedef Ghost { byte content[BATCHES + 1] };
Ghost applied[N];             /* what landed under each number */
byte newest_writer_epoch = 0; /* of any write that landed: must never go back */
byte writer_of_epoch[12] = N; /* N: nobody yet. Workers tell owners apart by it (S6.6) */

/* sender's term, number, what, content, epoch | victim's term, victim's batch */
chan to_store[N] = [2] of { byte, byte, mtype, byte, byte, byte };
/* term, number, content, answer: an answer is of the batch that was sent, not of its number */
chan answers[N] = [2] of { byte, byte, byte, mtype };

#ifdef NO_FENCE
#define FENCE_HOLDS(m, t, n) (true)
#else
#define FENCE_HOLDS(m, t, n) (term[m] == t && batch[m] == n - 1)
#endif

#ifdef ANSWER_BY_NUMBER
#define DIFFERS(a, b) (false)
#else
#define DIFFERS(a, b) (a != b)
#endif

/* One transaction. The fence is its first statement; what does not fit rolls everything back. */
inline transact(m, t, n, what, content, e, b) {
  if
  :: FENCE_HOLDS(m, t, n) ->
     result = landed;
     if
     :: what == write ->
        /* I1: whoever writes owns the shard, in the epoch that it believes in. */
        assert(owner == m && epoch == e);
        assert(e >= newest_writer_epoch);
        newest_writer_epoch = e;
        assert(writer_of_epoch[e] == N || writer_of_epoch[e] == m);
        writer_of_epoch[e] = m
     :: what == hand_over ->
        assert(owner == m && epoch == e);
        owner = 1 - m;
#ifndef NO_EPOCH_RAISE
        epoch++
#endif
     :: what == take_over ->
#ifdef BLIND_TAKEOVER
        if
        :: owner == 1 - m -> owner = m; epoch++    /* moves the shard, revokes nobody */
        :: else
        fi
#else
        if
        :: term[1 - m] == e && batch[1 - m] == b ->
           term[1 - m]++;
           if
           :: owner == 1 - m -> owner = m; epoch++
           :: else
           fi
        :: else -> result = not_as_seen
        fi
#endif
     :: what == claim ->
        if
        :: owner == m && epoch == e -> epoch++
        :: else -> result = not_as_seen
        fi
     fi;
     if
     :: result == landed -> batch[m] = n; applied[m].content[n] = content
     :: else
     fi
  :: else ->
     if
     :: term[m] != t -> result = fenced
     :: term[m] == t && batch[m] == n -> result = landed   /* an earlier sending did */
     :: else -> result = changed
     fi
  fi
}

/* Takes whatever copy it likes next; its answer may get lost. */
active proctype Store() {
  byte m, t, n, content, e, b;
  mtype what, result;
  end:
  do
  :: atomic { to_store[0] ? t, n, what, content, e, b -> m = 0 };
     atomic {
       transact(m, t, n, what, content, e, b);
       if :: nfull(answers[0]) -> answers[0] ! t, n, content, result :: true fi;
       t = 0; n = 0; what = 0; content = 0; e = 0; b = 0; result = 0; m = 0
     }
  :: atomic { to_store[1] ? t, n, what, content, e, b -> m = 1 };
     atomic {
       transact(m, t, n, what, content, e, b);
       if :: nfull(answers[1]) -> answers[1] ! t, n, content, result :: true fi;
       t = 0; n = 0; what = 0; content = 0; e = 0; b = 0; result = 0; m = 0
     }
  od
}

proctype Member(byte me) {
  byte my_term = 1, my_batch = 0, my_epoch = 0, left_epoch = 0;
  byte sent_number = 0, sent_content = 0, arg1 = 0, arg2 = 0, crashes = 0;
  byte tries = 0; /* of what is sent under this number: its content */
  byte t, n, whose;
  mtype what = 0, answer;
  bool owns = false, again = false;

  if :: me == 0 -> owns = true; my_epoch = 1 :: else fi;

  end:
  do
  /* --- decides something: one batch at a time is under way */
  :: atomic { sent_number == 0 && my_batch < BATCHES && owns && nfull(to_store[me]) ->
       tries++; sent_content = tries; again = false; sent_number = my_batch + 1; what = write;
       arg1 = my_epoch; arg2 = 0;
       to_store[me] ! my_term, sent_number, what, sent_content, arg1, arg2;
#ifdef EARLY_EFFECTS
       assert(applied[me].content[sent_number] == sent_content)
#endif
     }
  :: atomic { sent_number == 0 && my_batch < BATCHES && owns && nfull(to_store[me]) ->
       tries++; sent_content = tries; again = false; sent_number = my_batch + 1; what = hand_over;
       arg1 = my_epoch; arg2 = 0;
       owns = false; left_epoch = my_epoch;      /* nothing is decided on top */
       to_store[me] ! my_term, sent_number, what, sent_content, arg1, arg2
     }
  :: atomic { sent_number == 0 && my_batch < BATCHES && term[1 - me] < TERMS &&
              nfull(to_store[me]) ->            /* the other seems dead */
       tries++; sent_content = tries; again = false; sent_number = my_batch + 1; what = take_over;
       arg1 = term[1 - me]; arg2 = batch[1 - me]; /* as seen */
       to_store[me] ! my_term, sent_number, what, sent_content, arg1, arg2
     }
  /* --- looks: what the store says is ours in a later epoch than we gave up is ours */
  :: atomic { !owns && sent_number == 0 && owner == me && epoch > left_epoch &&
              term[me] == my_term -> owns = true; my_epoch = epoch }
  /* --- the answer is long in coming: the same batch again, byte for byte */
  :: atomic { sent_number != 0 && !again && nfull(to_store[me]) ->
       again = true;
#ifdef RECEIPT_BY_READ
       if
       :: batch[me] == sent_number - 1 && what == write ->
          /* "it has not landed": decides anew under the same number */
          tries++; sent_content = tries
       :: else
       fi;
#endif
       to_store[me] ! my_term, sent_number, what, sent_content, arg1, arg2
     }
#ifdef RECEIPT_BY_READ
  :: atomic { sent_number != 0 && nfull(to_store[me]) && what == write &&
              batch[me] == sent_number - 1 ->
       tries++; sent_content = tries;
       to_store[me] ! my_term, sent_number, what, sent_content, arg1, arg2
     }
#endif
  /* --- is answered */
  :: atomic { answers[me] ? t, n, whose, answer ->
       if
       :: sent_number == 0 || t != my_term || n != sent_number || DIFFERS(whose, sent_content)
          /* of something long settled */
       :: else ->
          if
          :: answer == landed ->
             /* I4: effects are released now, and say what this batch said. */
             assert(applied[me].content[n] == sent_content);
             my_batch = n; sent_number = 0; tries = 0;
             if :: what == claim && owner == me && term[me] == my_term -> owns = false :: else fi
          :: answer == not_as_seen -> sent_number = 0
          :: answer == fenced -> sent_number = 0; owns = false; my_batch = BATCHES /* ends */
          :: answer == changed ->
#if !defined(NO_FENCE) && !defined(RECEIPT_BY_READ)
             assert(false);                      /* no history was lost in this model */
#endif
             sent_number = 0; owns = false; my_batch = BATCHES
          fi
       fi;
       t = 0; n = 0; whose = 0; answer = 0
     }
  /* --- dies, and is started again under its name: a new term, its shard in a new epoch */
  :: atomic { crashes < CRASHES && term[me] < TERMS && my_batch < BATCHES &&
              nfull(to_store[me]) ->
       crashes++;
       term[me]++; my_term = term[me]; my_batch = batch[me];
       owns = false; sent_number = 0; what = 0; left_epoch = 0; my_epoch = 0;
       if
       :: owner == me && my_batch < BATCHES ->
          tries++; sent_content = tries; again = false; sent_number = my_batch + 1; what = claim;
          arg1 = epoch; arg2 = 0; left_epoch = epoch;
          to_store[me] ! my_term, sent_number, what, sent_content, arg1, arg2
       :: else
       fi
     }
  od
}

init { atomic { run Member(0); run Member(1) } }
