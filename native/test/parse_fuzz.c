/* Step one of the walk under libFuzzer: one input is one frame.
 *
 *   parse_fuzz [libFuzzer options] CORPUS...
 *
 * Beside what the sanitizers see, it checks what parse.h promises to the steps behind it: offsets and lengths that lie inside
 * the frame, fields that are the frame's own bytes, and that neither padding, payload, a VLAN tag nor what the structure held before
 * changes what was understood. */
#include "../core/parse.h"
#include "require.h"
#include <string.h>

#define FRAME_MAX 4096
#define PADDING 8

/* Parses a copy in a block of exactly its size, into a structure full of `fill`; nothing but the structure may change. */
static struct packet parsed(const u8 *frame, size_t size, int fill)
{
    u8 *block = malloc(size ? size : 1);
    struct packet p;
    REQUIRE(block != NULL);
    if (size)
        memcpy(block, frame, size);
    memset(&p, fill, sizeof p);
    p.data = block;
    p.end = block + size;
    parse_packet(&p);
    REQUIRE(p.data == block && p.end == block + size);
    REQUIRE(size == 0 || memcmp(block, frame, size) == 0);
    free(block);
    p.data = p.end = NULL;
    return p;
}

/* Whether the packet goes on to a look-up: by its ports, as ICMP, or as a later fragment. */
static bool is_understood(const struct packet *p)
{
    return (p->kind == KIND_FLOW || p->kind == KIND_ICMP) && (p->fault == VERDICT_FORWARD || p->fault == VERDICT_FRAGMENT_UNMATCHED);
}

static u32 transport_bytes(const struct packet *p)
{
    return p->fault ? 0 : p->tuple.protocol == PROTOCOL_TCP ? TCP_BYTES : p->tuple.protocol == PROTOCOL_UDP ? UDP_BYTES : ICMP_BYTES;
}

/* The same packet to all that comes after; `shift` is how much further back it lies in `b`. */
static void check_same(const struct packet *a, const struct packet *b, u32 shift)
{
    REQUIRE(a->kind == b->kind);
    if (a->kind == KIND_FOREIGN)
        return;
    REQUIRE(a->fault == b->fault && a->is_v4 == b->is_v4);
    REQUIRE(memcmp(a->tuple.src, b->tuple.src, sizeof a->tuple.src) == 0);
    REQUIRE(memcmp(a->tuple.dst, b->tuple.dst, sizeof a->tuple.dst) == 0);
    if (!is_understood(a))
        return;
    REQUIRE(a->tuple.protocol == b->tuple.protocol && a->ttl == b->ttl && a->tos == b->tos);
    REQUIRE(a->l3 + shift == b->l3 && a->l4 + shift == b->l4 && a->l3_len == b->l3_len);
    REQUIRE(a->fragment == b->fragment && (a->fragment == FRAGMENT_NONE || a->fragment_id == b->fragment_id));
    if (a->fault)
        return;
    REQUIRE(a->kind != KIND_FLOW || (a->tuple.ports == b->tuple.ports && a->tcp_flags == b->tcp_flags));
}

static bool is_ipv4_word(const u32 address[4], const u8 *wire)
{
    return address[0] == 0 && address[1] == 0 && address[2] == V4_MAPPED_WORD && address[3] == load32(wire);
}

/* Which piece of its datagram the packet is. */
static void check_fragment(const struct packet *p, u32 offset, bool has_more, u32 id)
{
    REQUIRE(p->fragment == (offset ? FRAGMENT_LATER : has_more ? FRAGMENT_FIRST : FRAGMENT_NONE));
    REQUIRE(p->fragment == FRAGMENT_NONE || p->fragment_id == id);
}

/* The IPv6 headers once more, up to where the parser says they end. */
static void check_chain(const struct packet *p, const u8 *ip)
{
    u32 header = ip[IPV6_NEXT_HEADER], at = IPV6_BYTES, offset = 0, id = 0, count = 0;
    bool has_more = false;
    while (is_extension(header) && offset == 0) {
        const u8 *h = ip + at;
        REQUIRE(at + IPV6_EXTENSION_BYTES <= p->l3_len && ++count <= IPV6_HEADERS_MAX);
        REQUIRE(header != IPV6_ROUTING || h[IPV6_SEGMENTS_LEFT] == 0);
        if (header == IPV6_FRAGMENT) {
            offset = (u32)(h[2] << 5 | h[3] >> 3);
            has_more = offset ? has_more : has_more || h[3] & 1;
            id = load32(h + IPV6_FRAGMENT_ID);
        }
        at += header == IPV6_FRAGMENT ? 8 : 8 + 8 * h[1];
        header = h[0];
    }
    REQUIRE(p->tuple.protocol == header && p->l4 == p->l3 + at);
    check_fragment(p, offset, has_more, id);
}

/* Addresses and lengths are the frame's, whatever else is wrong with it. */
static void check_network(const struct packet *p, const u8 *frame, size_t size)
{
    const u8 *ip = frame + p->l3;
    REQUIRE(p->l3 == ETH_BYTES || p->l3 == ETH_BYTES + VLAN_BYTES);
    REQUIRE(p->l3 + (size_t)(p->is_v4 ? IPV4_BYTES : IPV6_BYTES) <= size);
    if (p->is_v4) {
        REQUIRE(is_ipv4_word(p->tuple.src, ip + IPV4_SRC) && is_ipv4_word(p->tuple.dst, ip + IPV4_DST));
    } else {
        REQUIRE(memcmp(p->tuple.src, ip + IPV6_SRC, 16) == 0 && memcmp(p->tuple.dst, ip + IPV6_DST, 16) == 0);
        REQUIRE(p->tuple.dst[0] || p->tuple.dst[1] || p->tuple.dst[2] != V4_MAPPED_WORD);
    }
    if (!is_understood(p))
        return;
    u32 fixed = p->is_v4 ? IPV4_BYTES : IPV6_BYTES;
    u32 stated = p->is_v4 ? be16(load16(ip + IPV4_TOTAL_LENGTH)) : IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH));
    REQUIRE(p->l3_len == stated && p->l3 + (size_t)p->l3_len <= size);
    REQUIRE(p->l4 >= p->l3 + fixed && p->l4 + transport_bytes(p) <= p->l3 + p->l3_len);
    REQUIRE(p->ttl == ip[p->is_v4 ? IPV4_TTL : IPV6_HOP_LIMIT]);
    REQUIRE(p->tos == (p->is_v4 ? ip[IPV4_TOS] : (u8)(ip[0] << 4 | ip[1] >> 4)));
    REQUIRE((p->fault == VERDICT_FRAGMENT_UNMATCHED) == (p->fragment == FRAGMENT_LATER));
    if (!p->is_v4) {
        check_chain(p, ip);
        return;
    }
    REQUIRE(p->l4 == p->l3 + (ip[0] & 15) * 4 && p->tuple.protocol == ip[IPV4_PROTOCOL]);
    check_fragment(p, (u32)((ip[IPV4_FRAGMENT] & 31) << 8 | ip[IPV4_FRAGMENT + 1]), ip[IPV4_FRAGMENT] & 32, load16(ip + IPV4_ID));
}

static void check_transport(const struct packet *p, const u8 *frame)
{
    REQUIRE(p->kind != KIND_ICMP || p->fragment == FRAGMENT_NONE);
    REQUIRE(p->tuple.protocol == PROTOCOL_TCP || p->tcp_flags == 0);
    if (p->kind != KIND_FLOW || p->fault)
        return;
    REQUIRE(p->tuple.protocol == PROTOCOL_TCP || p->tuple.protocol == PROTOCOL_UDP);
    REQUIRE(p->tuple.ports == load32(frame + p->l4));
    REQUIRE(p->tuple.protocol != PROTOCOL_TCP || p->tcp_flags == frame[p->l4 + TCP_FLAGS]);
}

/* Padding tells nothing, of a broken packet either. */
static void check_padding(const struct packet *p, const u8 *frame, size_t size)
{
    static u8 other[FRAME_MAX];
    const u8 *ip = frame + p->l3;
    size_t end = p->l3 + (size_t)(p->is_v4 ? be16(load16(ip + IPV4_TOTAL_LENGTH)) : IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH)));
    size_t fixed = p->l3 + (size_t)(p->is_v4 ? IPV4_BYTES : IPV6_BYTES);
    memcpy(other, frame, size);
    for (size_t i = end > fixed ? end : fixed; i < size; i++)
        other[i] = (u8)~other[i];
    struct packet q = parsed(other, size, 0);
    check_same(p, &q, 0);
}

/* What stands behind the headers, and how much of it is padding, is nobody's business. */
static void check_tail(const struct packet *p, const u8 *frame, size_t size)
{
    static u8 other[FRAME_MAX + PADDING];
    size_t end = p->l3 + (size_t)p->l3_len;
    memcpy(other, frame, size);
    for (size_t i = p->l4 + transport_bytes(p); i < size; i++)
        other[i] = (u8)~other[i];
    struct packet payload = parsed(other, size, 0);
    check_same(p, &payload, 0);
    struct packet cut = parsed(frame, end, 0);
    check_same(p, &cut, 0);
    memcpy(other, frame, end);
    memset(other + end, 0xff, PADDING);
    struct packet padded = parsed(other, end + PADDING, 0);
    check_same(p, &padded, 0);
}

static void check_tagged(const struct packet *p, const u8 *frame, size_t size)
{
    static u8 tagged[FRAME_MAX + VLAN_BYTES];
    memcpy(tagged, frame, ETH_TYPE);
    store16(tagged + ETH_TYPE, be16(ETHERTYPE_VLAN));
    store16(tagged + ETH_TYPE + 2, 0xffff);
    memcpy(tagged + ETH_TYPE + VLAN_BYTES, frame + ETH_TYPE, size - ETH_TYPE);
    struct packet q = parsed(tagged, size + VLAN_BYTES, 0);
    if (load16(frame + ETH_TYPE) == be16(ETHERTYPE_VLAN))
        REQUIRE(q.kind == KIND_FOREIGN);
    else
        check_same(p, &q, VLAN_BYTES);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    size = size < FRAME_MAX ? size : FRAME_MAX;
    struct packet p = parsed(data, size, 0), q = parsed(data, size, 0xff);
    check_same(&p, &q, 0);
    if (size >= ETH_BYTES)
        check_tagged(&p, data, size);
    if (p.kind == KIND_FOREIGN)
        return 0;
    check_network(&p, data, size);
    check_padding(&p, data, size);
    if (!is_understood(&p))
        return 0;
    check_transport(&p, data);
    check_tail(&p, data, size);
    return 0;
}
