/* What the BFD thread shows to JavaScript, and the one word it takes from there: 64-bit words, each written by one side alone.
 *
 * The lists below declare the indices here and, by the glue, the names that TypeScript reads; there is no second description.
 * A word is whole when it is read, a set of words need not be of one moment. */
#pragma once
#include "bfd_table.h"

/* Of the whole speaker. `beat` is JavaScript's. */
#define BFD_SPEAKER_WORDS(W) \
    W(BEAT, "beat")         /* any other value than before: the thread that these sessions speak for is alive */ \
    W(PRIORITY, "priority") /* enum bfd_priority */ \
    W(ERROR4, "error4")     /* errno of the receiving socket; 0: none */ \
    W(ERROR6, "error6") \
    W(UNREAD, "unread")     /* the kernel kept these: hop limit below 255, or no room to wait in */

/* Of one session; intervals are the agreed ones. */
#define BFD_SESSION_WORDS(W) \
    W(STATE, "state") \
    W(REMOTE_STATE, "remoteState") \
    W(LAST_DIAGNOSTIC, "lastDiagnostic")    /* why it left Up */ \
    W(REMOTE_DIAGNOSTIC, "remoteDiagnostic") \
    W(SEND_INTERVAL_US, "sendIntervalUs") \
    W(DETECTION_US, "detectionUs")          /* 0: nobody was heard */ \
    W(FAILURES, "failures") \
    W(FLAPS, "flaps") \
    W(SENT, "sent") \
    W(RECEIVED, "received") \
    W(DISCARDED, "discarded") \
    W(SEND_ERROR, "sendError")              /* errno; 0: the last packet left */ \
    W(BEGUN, "begun")                       /* how many sessions this slot has had; the other words are the last one's */ \
    W(ENDED, "ended")                       /* how many of them are over */

#define BFD_WORD_ENUM(name, text) BFD_WORD_##name,
enum { BFD_SPEAKER_WORDS(BFD_WORD_ENUM) BFD_WORD_DISCARDS };
#undef BFD_WORD_ENUM
#define BFD_WORD_ENUM(name, text) BFD_SESSION_##name,
enum { BFD_SESSION_WORDS(BFD_WORD_ENUM) BFD_SESSION_WORD_COUNT };
#undef BFD_WORD_ENUM

#define BFD_FIRST_SESSION_WORD (BFD_WORD_DISCARDS + BFD_DISCARD_COUNT)
#define BFD_WORD_COUNT (BFD_FIRST_SESSION_WORD + BFD_SESSIONS_MAX * BFD_SESSION_WORD_COUNT)

enum bfd_priority { BFD_PRIORITY_UNKNOWN, BFD_PRIORITY_NORMAL, BFD_PRIORITY_NICE, BFD_PRIORITY_REAL_TIME };
