/* What holds of every BFD session whatever it was sent, for the tests of native/net/bfd_*.h. */
#pragma once
#include "../net/bfd_table.h"
#include "require.h"

#define MS 1000000ull /* nanoseconds */

/* After bfd_expire(). */
static inline void check_session(const struct bfd_session *s, uint64_t now_ns)
{
    struct bfd_packet p, again;
    uint8_t bytes[BFD_BYTES];
    REQUIRE(s->state <= BFD_UP && s->remote_state <= BFD_UP);
    REQUIRE(s->state == BFD_UP || s->desired_tx_us >= BFD_SLOW_US);
    REQUIRE(s->state == BFD_UP || s->state == BFD_ADMIN_DOWN || bfd_interval_us(s) >= BFD_SLOW_US);
    /* Older intervals count only while Up, until a Poll Sequence has told of the new. */
    REQUIRE(s->state == BFD_UP || (s->tx_in_use_us == s->desired_tx_us && s->rx_in_use_us == s->required_rx_us));
    REQUIRE(s->is_polling || (s->tx_in_use_us == s->desired_tx_us && s->rx_in_use_us == s->required_rx_us));
    REQUIRE(!s->is_held || s->state == BFD_DOWN || s->state == BFD_ADMIN_DOWN);
    REQUIRE(s->jitter >= BFD_JITTER_LEAST && s->jitter <= BFD_JITTER_LEAST + BFD_JITTER_RANGE);
    REQUIRE(s->failures <= s->flaps);
    /* Somebody was heard and is not overdue, or it is not on its way up. */
    REQUIRE(s->remote_discriminator != 0 || (s->state != BFD_UP && s->state != BFD_INIT));
    REQUIRE(now_ns < bfd_expires_ns(s));
    bfd_compose(s, &p);
    REQUIRE(!p.poll || p.your_discriminator != 0);
    REQUIRE(!(p.poll && p.final) && !p.demand && !p.authenticated);
    bfd_encode(&p, bytes);
    REQUIRE(bfd_decode(bytes, sizeof bytes, &again) == BFD_ACCEPT);
    REQUIRE(again.state == p.state && again.poll == p.poll && again.final == p.final && again.multiplier == p.multiplier);
    REQUIRE(again.my_discriminator == s->discriminator && again.your_discriminator == s->remote_discriminator);
}
