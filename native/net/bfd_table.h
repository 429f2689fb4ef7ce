/* All BFD sessions of one speaker, and which of them a received packet is for (RFC 5880 6.8.6, RFC 5881 3 and 5).
 *
 * Freestanding, like what it is made of: whatever arrived on the socket goes in at bfd_table_receive(), which is what the
 * fuzzer feeds. Addresses have 16 bytes, IPv4 as ::ffff:a.b.c.d. A session is found by its discriminator or, before the remote
 * system knows that, by the address it is configured for. */
#pragma once
#include "bfd_session.h"
#include <string.h>

#define BFD_SESSIONS_MAX 256
#define BFD_NO_SESSION UINT32_MAX
#define BFD_HOP_LIMIT 255

struct bfd_address {
    uint8_t bytes[16];
    uint32_t scope; /* interface of a link-local address; else 0 */
};

struct bfd_entry {
    bool is_open;
    struct bfd_address peer;
    struct bfd_session session;
};

struct bfd_table {
    uint32_t used; /* no open entry is at or after this index */
    struct bfd_entry entry[BFD_SESSIONS_MAX];
    uint64_t discards[BFD_DISCARD_COUNT];
};

struct bfd_datagram {
    const uint8_t *bytes;
    size_t size;
    int hop_limit;
    struct bfd_address source;
};

static inline bool bfd_is_same_address(const struct bfd_address *a, const struct bfd_address *b)
{
    return a->scope == b->scope && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static inline uint32_t bfd_find_discriminator(const struct bfd_table *t, uint32_t discriminator)
{
    for (uint32_t i = 0; i < t->used; i++)
        if (t->entry[i].is_open && t->entry[i].session.discriminator == discriminator)
            return i;
    return BFD_NO_SESSION;
}

/* One that takes its leave is passed over: its successor may have the same peer. */
static inline uint32_t bfd_find_peer(const struct bfd_table *t, const struct bfd_address *peer)
{
    uint32_t leaving = BFD_NO_SESSION;
    for (uint32_t i = 0; i < t->used; i++) {
        const struct bfd_entry *e = &t->entry[i];
        if (!e->is_open || !bfd_is_same_address(&e->peer, peer))
            continue;
        if (e->session.state != BFD_ADMIN_DOWN)
            return i;
        leaving = i;
    }
    return leaving;
}

static inline void bfd_table_open(struct bfd_table *t, uint32_t i, const struct bfd_address *peer)
{
    t->entry[i].is_open = true;
    t->entry[i].peer = *peer;
    if (i >= t->used)
        t->used = i + 1;
}

static inline void bfd_table_close(struct bfd_table *t, uint32_t i)
{
    t->entry[i].is_open = false;
    while (t->used > 0 && !t->entry[t->used - 1].is_open)
        t->used--;
}

static inline enum bfd_verdict bfd_select(const struct bfd_table *t, const struct bfd_datagram *d, struct bfd_packet *p, uint32_t *index)
{
    if (d->hop_limit != BFD_HOP_LIMIT)
        return BFD_DISCARD_HOP_LIMIT;
    enum bfd_verdict verdict = bfd_decode(d->bytes, d->size, p);
    if (verdict != BFD_ACCEPT)
        return verdict;
    if (p->your_discriminator != 0) {
        *index = bfd_find_discriminator(t, p->your_discriminator);
        return *index == BFD_NO_SESSION ? BFD_DISCARD_YOUR_DISCRIMINATOR : BFD_ACCEPT;
    }
    if (p->state != BFD_DOWN && p->state != BFD_ADMIN_DOWN)
        return BFD_DISCARD_STATE;
    *index = bfd_find_peer(t, &d->source);
    return *index == BFD_NO_SESSION ? BFD_DISCARD_STRANGER : BFD_ACCEPT;
}

/* What arrived, to its session; the session's index, or BFD_NO_SESSION. Every discard is counted. */
static inline uint32_t bfd_table_receive(struct bfd_table *t, const struct bfd_datagram *d, uint64_t now_ns)
{
    struct bfd_packet packet;
    uint32_t index = BFD_NO_SESSION;
    enum bfd_verdict verdict = bfd_select(t, d, &packet, &index);
    if (verdict == BFD_ACCEPT)
        verdict = bfd_receive(&t->entry[index].session, &packet, now_ns);
    if (verdict != BFD_ACCEPT)
        t->discards[verdict]++;
    return index;
}
