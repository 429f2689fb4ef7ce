/* The state machine of one BFD session (RFC 5880 6.2, 6.8): asynchronous mode, active role, no echo, no authentication.
 *
 * Freestanding: time and chance come in as numbers, packets go out through bfd_compose(). Deadlines are functions of the state,
 * never stored, so that no change of an interval has a timer to forget. Monotonic nanoseconds; intervals in microseconds.
 * A remote system's demand mode is honoured (6.6): it is not sent to while it asks for nothing. */
#pragma once
#include "bfd_packet.h"

#define BFD_NEVER UINT64_MAX
#define BFD_SLOW_US 1000000u              /* RFC 5880 6.8.3: no faster while not Up */
#define BFD_FAREWELL_MAX_NS 1000000000ull /* nobody who stops waits longer for a session's end */

/* Parts of 65536: a packet follows the last one after 75 to 100 % of the interval, at most 90 % when a single loss counts
 * (RFC 5880 6.8.7). */
#define BFD_JITTER_LEAST 49152u
#define BFD_JITTER_RANGE 16384u
#define BFD_JITTER_RANGE_ALONE 9830u

/* What the document asks for. */
struct bfd_wants {
    uint32_t interval_us; /* both ways */
    uint8_t multiplier;
};

struct bfd_session {
    struct bfd_wants wants;
    uint32_t discriminator, remote_discriminator; /* remote 0: nobody was heard for a detection time */
    uint8_t state, remote_state;
    uint8_t diagnostic, remote_diagnostic;
    uint8_t last_diagnostic; /* why it left Up the last time */
    uint8_t multiplier, remote_multiplier;
    bool remote_demand;
    bool is_held;                  /* kept Down (6.8.18) */
    bool is_polling, is_poll_sent; /* a Poll Sequence runs; at least one of its packets is out */
    bool is_settling;              /* one has ended: a Final that is still on its way must not end the next (6.8.3) */
    bool is_urgent;                /* news that does not wait for the next periodic packet */
    bool owes_final;
    uint32_t desired_tx_us, required_rx_us;   /* as advertised */
    uint32_t tx_in_use_us, rx_in_use_us;      /* older ones, while a Poll Sequence is to tell of the new */
    uint32_t remote_required_rx_us, remote_desired_tx_us;
    uint32_t jitter; /* of the packet to come, in parts of 65536 */
    uint64_t heard_ns, sent_ns;
    uint64_t farewell_interval_ns, farewell_until_ns; /* in AdminDown */
    uint64_t failures; /* Up ended because the remote system was silent or said Down; AdminDown is none (RFC 5882 4.2) */
    uint64_t flaps;    /* Up ended, for whatever reason but our own leaving */
    uint64_t sent, received, discarded; /* sent: counted by who sends */
};

static inline uint32_t bfd_max(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- Deadlines ---- */

static inline uint64_t bfd_interval_us(const struct bfd_session *s)
{
    return bfd_max(s->tx_in_use_us, s->remote_required_rx_us);
}

/* 0 while nobody was heard. */
static inline uint64_t bfd_detection_us(const struct bfd_session *s)
{
    if (s->remote_discriminator == 0)
        return 0;
    return (uint64_t)s->remote_multiplier * bfd_max(s->rx_in_use_us, s->remote_desired_tx_us);
}

static inline uint64_t bfd_expires_ns(const struct bfd_session *s)
{
    return s->remote_discriminator == 0 ? BFD_NEVER : s->heard_ns + bfd_detection_us(s) * 1000;
}

/* RFC 5880 6.6. */
static inline bool bfd_is_demand_active(const struct bfd_session *s)
{
    return s->remote_demand && s->state == BFD_UP && s->remote_state == BFD_UP;
}

/* When the next packet has to leave, finals apart. */
static inline uint64_t bfd_due_ns(const struct bfd_session *s)
{
    if (s->is_urgent)
        return 0;
    if (s->remote_required_rx_us == 0 || (bfd_is_demand_active(s) && !s->is_polling))
        return BFD_NEVER;
    uint64_t interval_ns = s->state == BFD_ADMIN_DOWN ? s->farewell_interval_ns : bfd_interval_us(s) * 1000;
    return s->sent_ns + (interval_ns * s->jitter >> 16);
}

/* ---- Changes ---- */

/* Brings what is advertised to what is wanted, by a Poll Sequence (RFC 5880 6.8.3). While Up, the next change waits until the
 * last has been confirmed; a change of state does not wait, since then nothing depends on who knows of it. */
static inline void bfd_advertise(struct bfd_session *s, bool is_at_once)
{
    uint32_t interval_us = s->wants.interval_us;
    uint32_t desired_tx_us = s->state == BFD_UP ? interval_us : bfd_max(interval_us, BFD_SLOW_US);
    bool is_same = desired_tx_us == s->desired_tx_us && interval_us == s->required_rx_us;
    if (is_same && s->wants.multiplier == s->multiplier)
        return;
    if (s->state == BFD_UP && !is_at_once && (s->is_polling || s->is_settling))
        return;
    if (s->state != BFD_UP || desired_tx_us < s->tx_in_use_us)
        s->tx_in_use_us = desired_tx_us;
    if (s->state != BFD_UP || interval_us > s->rx_in_use_us)
        s->rx_in_use_us = interval_us;
    s->desired_tx_us = desired_tx_us;
    s->required_rx_us = interval_us;
    s->multiplier = s->wants.multiplier;
    if (is_same && !bfd_is_demand_active(s)) /* the multiplier alone takes effect with the packet that carries it */
        return;
    s->is_polling = true;
    s->is_poll_sent = false;
}

static inline void bfd_enter(struct bfd_session *s, uint8_t state, uint8_t diagnostic)
{
    if (s->state == BFD_UP) {
        s->flaps++;
        s->last_diagnostic = diagnostic;
        s->tx_in_use_us = s->desired_tx_us; /* nobody has to be told first any more */
        s->rx_in_use_us = s->required_rx_us;
    }
    s->state = state;
    s->diagnostic = diagnostic;
    s->is_urgent = true;
    bfd_advertise(s, true);
}

static inline void bfd_fail(struct bfd_session *s, uint8_t diagnostic)
{
    s->failures += s->state == BFD_UP;
    bfd_enter(s, BFD_DOWN, diagnostic);
}

/* ---- What happens to it ---- */

static inline void bfd_open(struct bfd_session *s, const struct bfd_wants *wants, uint32_t discriminator)
{
    uint32_t slow_us = bfd_max(wants->interval_us, BFD_SLOW_US);
    *s = (struct bfd_session){
        .wants = *wants,
        .discriminator = discriminator,
        .state = BFD_DOWN,
        .remote_state = BFD_DOWN,
        .multiplier = wants->multiplier,
        .desired_tx_us = slow_us,
        .tx_in_use_us = slow_us,
        .required_rx_us = wants->interval_us,
        .rx_in_use_us = wants->interval_us,
        .remote_required_rx_us = 1,
        .jitter = BFD_JITTER_LEAST,
        .is_urgent = true,
    };
}

static inline void bfd_configure(struct bfd_session *s, const struct bfd_wants *wants)
{
    s->wants = *wants;
    bfd_advertise(s, false);
}

/* Whoever this session speaks for has stopped, or goes on again. While held it stays Down and says so. */
static inline void bfd_hold(struct bfd_session *s, bool is_held)
{
    s->is_held = is_held;
    if (is_held && (s->state == BFD_INIT || s->state == BFD_UP))
        bfd_enter(s, BFD_DOWN, BFD_PATH_DOWN);
}

/* For good: AdminDown is said for as long as the remote system takes to miss a packet (RFC 5880 6.8.16), at the pace it is
 * used to, and within a second. Then bfd_is_gone(). */
static inline void bfd_leave(struct bfd_session *s, uint64_t now_ns)
{
    if (s->state == BFD_ADMIN_DOWN)
        return;
    uint64_t farewell_ns = bfd_interval_us(s) * 1000 * s->multiplier;
    if (farewell_ns > BFD_FAREWELL_MAX_NS)
        farewell_ns = BFD_FAREWELL_MAX_NS;
    s->farewell_interval_ns = bfd_interval_us(s) * 1000;
    s->farewell_until_ns = s->remote_discriminator == 0 ? now_ns : now_ns + farewell_ns;
    s->state = BFD_ADMIN_DOWN;
    s->diagnostic = BFD_ADMINISTRATIVELY_DOWN;
    s->is_urgent = true;
    bfd_advertise(s, true);
    s->is_polling = false;
}

static inline bool bfd_is_gone(const struct bfd_session *s, uint64_t now_ns)
{
    return s->state == BFD_ADMIN_DOWN && !s->is_urgent && now_ns >= s->farewell_until_ns;
}

/* The packet has been given to this session; RFC 5880 6.8.6 from where it sets bfd.RemoteDiscr. */
static inline enum bfd_verdict bfd_receive(struct bfd_session *s, const struct bfd_packet *p, uint64_t now_ns)
{
    if (p->authenticated) {
        s->discarded++;
        return BFD_DISCARD_AUTHENTICATION;
    }
    s->remote_discriminator = p->my_discriminator;
    s->remote_state = p->state;
    s->remote_diagnostic = p->diagnostic;
    s->remote_demand = p->demand;
    s->remote_multiplier = p->multiplier;
    s->remote_required_rx_us = p->required_rx_us;
    s->remote_desired_tx_us = p->desired_tx_us;
    if (!p->final) {
        s->is_settling = false;
    } else if (s->is_polling && s->is_poll_sent) {
        s->is_polling = false;
        s->is_settling = true;
        s->tx_in_use_us = s->desired_tx_us;
        s->rx_in_use_us = s->required_rx_us;
    }
    if (s->state == BFD_ADMIN_DOWN) {
        s->discarded++;
        return BFD_DISCARD_LEAVING;
    }
    s->heard_ns = now_ns;
    s->received++;
    if (p->state == BFD_ADMIN_DOWN) {
        if (s->state != BFD_DOWN)
            bfd_enter(s, BFD_DOWN, BFD_NEIGHBOUR_DOWN);
    } else if (s->state == BFD_DOWN && !s->is_held) {
        if (p->state == BFD_DOWN)
            bfd_enter(s, BFD_INIT, s->diagnostic);
        else if (p->state == BFD_INIT)
            bfd_enter(s, BFD_UP, BFD_NO_DIAGNOSTIC);
    } else if (s->state == BFD_INIT) {
        if (p->state != BFD_DOWN)
            bfd_enter(s, BFD_UP, BFD_NO_DIAGNOSTIC);
    } else if (s->state == BFD_UP && p->state == BFD_DOWN) {
        bfd_fail(s, BFD_NEIGHBOUR_DOWN);
    }
    bfd_advertise(s, false);
    s->owes_final |= p->poll;
    return BFD_ACCEPT;
}

/* RFC 5880 6.8.4: nothing came for a detection time. What the remote system last asked for counts no more (6.8.18). */
static inline void bfd_expire(struct bfd_session *s, uint64_t now_ns)
{
    if (now_ns < bfd_expires_ns(s))
        return;
    s->remote_discriminator = 0;
    s->remote_state = BFD_DOWN;
    s->remote_demand = false;
    s->remote_required_rx_us = 1;
    if (s->state == BFD_INIT || s->state == BFD_UP)
        bfd_fail(s, BFD_TIME_EXPIRED);
}

/* ---- Packets out ---- */

/* The next packet: an answer to a Poll if one is owed, else the periodic one. Polls nobody that was not heard. */
static inline void bfd_compose(const struct bfd_session *s, struct bfd_packet *out)
{
    *out = (struct bfd_packet){
        .state = s->state,
        .diagnostic = s->diagnostic,
        .multiplier = s->multiplier,
        .poll = s->is_polling && !s->owes_final && s->remote_discriminator != 0,
        .final = s->owes_final,
        .my_discriminator = s->discriminator,
        .your_discriminator = s->remote_discriminator,
        .desired_tx_us = s->desired_tx_us,
        .required_rx_us = s->required_rx_us,
    };
}

/* It has left, or could not: the next one has its turn. A final tells all news, and moves no periodic packet. */
static inline void bfd_was_sent(struct bfd_session *s, const struct bfd_packet *p, uint64_t now_ns, uint32_t random)
{
    s->is_urgent = false;
    if (p->final) {
        s->owes_final = false;
        return;
    }
    uint32_t range = s->multiplier == 1 ? BFD_JITTER_RANGE_ALONE : BFD_JITTER_RANGE;
    s->jitter = BFD_JITTER_LEAST + random % (range + 1);
    s->sent_ns = now_ns;
    s->is_poll_sent |= p->poll;
}
