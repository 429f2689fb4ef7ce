/* Cuts random super-frames and checks what comes out against what TCP and UDP would have sent, byte by byte; completes random
 * partial checksums; then feeds hostile frames and metadata, each in memory of exactly its size, to find reads beyond the end.
 * Takes a seed; prints the number of cases. */
#include "../dataplane/offload.h"
#include "../core/parse.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUPER_FRAMES 2000
#define PARTIALS 2000
#define HOSTILE 50000
#define SEGMENT_MAX 10000
#define SUPER_MAX 65535

static u64 state;

static u32 any(u32 below)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(state >> 33) % below;
}

static void fail(const char *what, u32 number)
{
    printf("%s differs in case %u\n", what, number);
    exit(1);
}

/* 0xffff for data whose checksum is in place (RFC 1071). */
static u32 plain_sum(const u8 *p, u32 bytes, u32 sum)
{
    for (u32 i = 0; i < bytes; i++)
        sum += i & 1 ? p[i] : (u32)p[i] << 8;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

struct shape {
    u32 l3, ip_bytes, l4_bytes, payload_bytes, segment_bytes, total;
    bool is_v6, is_udp;
};

static u32 pseudo_sum(const struct shape *s, const u8 *ip, u32 bytes)
{
    u32 first = bytes + (s->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP);
    return s->is_v6 ? plain_sum(ip + IPV6_SRC, 32, first) : plain_sum(ip + IPV4_SRC, 8, first);
}

static u32 l4_sum(const struct shape *s, const u8 *ip, const u8 *l4, u32 bytes)
{
    return plain_sum(l4, bytes, pseudo_sum(s, ip, bytes));
}

static struct shape any_shape(void)
{
    struct shape s = {.l3 = any(2) ? ETH_BYTES : ETH_BYTES + VLAN_BYTES, .is_v6 = any(2), .is_udp = any(4) == 0};
    s.ip_bytes = s.is_v6 ? IPV6_BYTES + 8 * any(IPV6_HEADERS_MAX + 1) : IPV4_BYTES + 4 * any(11);
    s.l4_bytes = s.is_udp ? UDP_BYTES : 20 + 4 * any(11);
    s.payload_bytes = 1 + any(SUPER_MAX - s.ip_bytes - s.l4_bytes);
    s.segment_bytes = 1 + any(any(2) ? 1460 : 9000);
    s.total = s.l3 + s.ip_bytes + s.l4_bytes + s.payload_bytes;
    return s;
}

/* The fixed header, then destination options and hop-by-hop headers of 8 bytes up to the transport header. */
static void build_v6(const struct shape *s, u8 *ip)
{
    u8 protocol = s->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP, *next = ip + IPV6_NEXT_HEADER;
    ip[0] = 0x60;
    store16(ip + IPV6_PAYLOAD_LENGTH, be16((u16)(s->total - s->l3 - IPV6_BYTES)));
    for (u8 *h = ip + IPV6_BYTES; h < ip + s->ip_bytes; h += 8) {
        *next = any(2) ? IPV6_DESTINATION : IPV6_HOP_BY_HOP;
        h[1] = 0;
        next = h;
    }
    *next = protocol;
}

static u8 *build(const struct shape *s)
{
    u8 *frame = malloc(s->total), *ip = frame + s->l3, *l4 = ip + s->ip_bytes;
    for (u32 i = 0; i < s->total; i++)
        frame[i] = (u8)any(256);
    store16(frame + ETH_TYPE, be16(ETHERTYPE_VLAN));
    store16(ip - 2, be16(s->is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
    if (s->is_v6) {
        build_v6(s, ip);
    } else {
        ip[0] = (u8)(0x40 | s->ip_bytes / 4);
        store16(ip + IPV4_TOTAL_LENGTH, be16((u16)(s->total - s->l3)));
        ip[IPV4_PROTOCOL] = s->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP;
    }
    if (!s->is_udp)
        l4[12] = (u8)(s->l4_bytes / 4 << 4);
    return frame;
}

static void check_segment(const struct shape *s, const u8 *frame, const u8 *out, u32 bytes, u32 offset, u32 number)
{
    const u8 *ip = out + s->l3, *l4 = ip + s->ip_bytes, *l4_before = frame + s->l3 + s->ip_bytes;
    u32 left = s->payload_bytes - offset, part = left < s->segment_bytes ? left : s->segment_bytes;
    bool is_last = part == left;
    u32 length = s->is_v6 ? IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH)) : be16(load16(ip + IPV4_TOTAL_LENGTH));
    if (bytes != s->l3 + s->ip_bytes + s->l4_bytes + part || length != bytes - s->l3)
        fail("length", number);
    if (memcmp(l4 + s->l4_bytes, l4_before + s->l4_bytes + offset, part) != 0 || memcmp(out, frame, s->l3) != 0)
        fail("payload", number);
    if ((!s->is_v6 && plain_sum(ip, s->ip_bytes, 0) != 0xffff) || l4_sum(s, ip, l4, s->l4_bytes + part) != 0xffff)
        fail("checksum", number);
    if (!s->is_v6 && (u16)(be16(load16(ip + IPV4_ID)) - be16(load16(frame + s->l3 + IPV4_ID))) != (u16)(offset / s->segment_bytes))
        fail("id", number);
    if (s->is_udp) {
        if (be16(load16(l4 + 4)) != UDP_BYTES + part)
            fail("UDP length", number);
        return;
    }
    if (be32(load32(l4 + 4)) - be32(load32(l4_before + 4)) != offset)
        fail("sequence", number);
    u8 kept = (u8)~((is_last ? 0 : TCP_FIN | 0x08) | (offset ? 0x80 : 0));
    if (l4[TCP_FLAGS] != (l4_before[TCP_FLAGS] & kept))
        fail("flags", number);
}

static void cut_one(u32 number)
{
    struct shape s = any_shape();
    u8 tcp = s.is_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    struct virtio_net_hdr vnet = {.gso_type = s.is_udp ? 5 : tcp, .gso_size = (u16)s.segment_bytes};
    struct super_frame super;
    u8 *frame = build(&s), *out = malloc(SEGMENT_MAX);
    u32 offset = 0, header = s.total - s.payload_bytes;
    bool fits = header + s.segment_bytes <= SEGMENT_MAX;
    if (s.l3 == ETH_BYTES)
        store16(frame + ETH_TYPE, be16(s.is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
    if (super_frame_begin(&super, frame, frame + s.total, &vnet, SEGMENT_MAX) != fits)
        fail("begin", number);
    for (u32 bytes; (bytes = super_frame_cut(&super, out)); offset += bytes - header)
        check_segment(&s, frame, out, bytes, offset, number);
    if (offset != (fits ? s.payload_bytes : 0))
        fail("sum of the segments", number);
    free(frame);
    free(out);
}

/* The sender leaves the folded pseudo-header sum in the field. */
static void complete_one(u32 number)
{
    struct shape s = any_shape();
    u8 *frame = build(&s), *ip = frame + s.l3, *l4 = ip + s.ip_bytes;
    u32 bytes = s.l4_bytes + s.payload_bytes, field = s.is_udp ? 6 : 16;
    store16(l4 + field, be16((u16)pseudo_sum(&s, ip, bytes)));
    complete_checksum(l4, frame + s.total, field);
    if (l4_sum(&s, ip, l4, bytes) != 0xffff || load16(l4 + field) == 0)
        fail("completed checksum", number);
    free(frame);
}

static void abuse_one(void)
{
    u32 bytes = ETH_BYTES + any(200);
    u8 *frame = malloc(bytes), *out = malloc(SEGMENT_MAX);
    for (u32 i = 0; i < bytes; i++)
        frame[i] = (u8)any(256);
    store16(frame + ETH_TYPE, be16(any(4) ? any(2) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6 : ETHERTYPE_VLAN));
    if (bytes > ETH_BYTES + IPV6_BYTES && any(2)) {
        frame[ETH_BYTES] = 0x60;
        store16(frame + ETH_BYTES + IPV6_PAYLOAD_LENGTH, be16((u16)any(300)));
        for (u32 i = ETH_BYTES + IPV6_NEXT_HEADER; i < bytes; i += any(40) + 1)
            frame[i] = (u8)(any(3) ? any(2) ? IPV6_HOP_BY_HOP : IPV6_DESTINATION : any(2) ? PROTOCOL_TCP : PROTOCOL_UDP);
    } else if (bytes > 40) {
        frame[ETH_BYTES] = (u8)(0x40 | any(16));
        store16(frame + ETH_BYTES + IPV4_TOTAL_LENGTH, be16((u16)any(300)));
        frame[ETH_BYTES + IPV4_PROTOCOL] = any(2) ? PROTOCOL_TCP : PROTOCOL_UDP;
    }
    struct virtio_net_hdr vnet = {.gso_type = (u8)(any(4) ? any(3) ? any(2) ? 1 : 4 : 5 : any(256)), .gso_size = (u16)any(65536)};
    struct super_frame super;
    bool begun = super_frame_begin(&super, frame, frame + bytes, &vnet, SEGMENT_MAX);
    u32 cuts = 0;
    while (super_frame_cut(&super, out))
        cuts++;
    if (!begun && cuts)
        fail("a refused frame", cuts);
    complete_checksum(frame + any(bytes + 50), frame + bytes, any(65536));
    free(frame);
    free(out);
}

int main(int argc, char **argv)
{
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    for (u32 i = 0; i < SUPER_FRAMES; i++)
        cut_one(i);
    for (u32 i = 0; i < PARTIALS; i++)
        complete_one(i);
    for (u32 i = 0; i < HOSTILE; i++)
        abuse_one();
    printf("%u\n", SUPER_FRAMES + PARTIALS + HOSTILE);
    return 0;
}
