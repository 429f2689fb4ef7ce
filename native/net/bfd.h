/* The BFD speaker: one thread with sessions and sockets of its own (RFC 5880, 5881).
 *
 * JavaScript gives orders and reads words (bfd_words.h); it is never waited for. A session answers for the thread that gives
 * the orders: when that one's `beat` word stands still, the session goes Down, so that a router sees a hung daemon. Orders
 * come from one thread. Errors are negative errno. */
#pragma once
#include "bfd_words.h"

#define BFD_PORT 3784 /* RFC 5881 4 */

struct bfd;

/* `words` has BFD_WORD_COUNT, all zero, and outlives the speaker. `wake` is called on the BFD thread when there is news. */
struct bfd_setup {
    uint16_t port;
    _Atomic uint64_t *words;
    void (*wake)(void *context);
    void *context;
};

enum bfd_order_kind { BFD_ORDER_SET, BFD_ORDER_LEAVE, BFD_ORDER_END };

/* SET opens the session of a free slot, and changes what the session of a slot in use wants. LEAVE says AdminDown; the slot becomes
 * free, and its words `begun` and `ended` equal, when that is over. */
struct bfd_order {
    enum bfd_order_kind kind;
    uint32_t slot;
    struct bfd_address peer, local; /* local: the unspecified address of the peer's family for the kernel's choice */
    uint16_t peer_port;
    struct bfd_wants wants;
    uint64_t hung_after_ns; /* how long `beat` may stand still */
};

int bfd_start(struct bfd **out, const struct bfd_setup *setup);

/* -EAGAIN: the thread has not taken the last few hundred orders. */
int bfd_order(struct bfd *bfd, const struct bfd_order *order);

/* At once, without a farewell; the thread is gone when this returns. */
void bfd_stop(struct bfd *bfd);
