/* Last step of the short way (express.h): headers, outcome, counters. In few stores, since a processor ends about one a cycle. */
#pragma once
#include "express.h"

/* Packet of either family around which an outer IPv4 header goes, in place, growing into the headroom. */
static always_inline void express_wrap(u8 *data, const struct backend *b, u32 l3_len, bool is_v4)
{
    u8 *ip = data + ETH_BYTES;
    u32 tos = is_v4 ? ip[IPV4_TOS] : be16(load16(ip)) >> 4 & 0xff;
    u32 total = be16((u16)(l3_len + OUTER_IPV4_BYTES));
    u32 sum = b->outer_sum + (0x45 | tos << 8) + total + (is_v4 ? 0 : (PROTOCOL_IPV6 - PROTOCOL_IPIP) << 8);
    const u8 *start = (const u8 *)b + __builtin_offsetof(struct backend, dst_mac);
    u64 start_low = load64(start), start_high = load64(start + 8) | (u64)tos << 56;
    if (is_v4) {
        u32 word = load32(ip + IPV4_TTL); /* TTL, protocol, checksum; the TTL is above 1 */
        store32(ip + IPV4_TTL, (u32)csum_after_decrement((u16)(word >> 16)) << 16 | ((word - 1) & 0xffff));
    } else {
        ip[IPV6_HOP_LIMIT]--;
    }
    /* The outer IP header begins 6 bytes before where the frame began. */
    u8 *outer = data - OUTER_IPV4_BYTES + ETH_BYTES;
    store64(data - OUTER_IPV4_BYTES, start_low);
    store64(data - OUTER_IPV4_BYTES + 8, start_high);
    store32(outer + IPV4_TOTAL_LENGTH, total);
    store64(outer + IPV4_FRAGMENT, be16(IPV4_DF) | (OUTER_TTL | (is_v4 ? PROTOCOL_IPIP : PROTOCOL_IPV6) << 8) << 16 | (u64)csum_fold(sum) << 32);
    store64(outer + IPV4_SRC, load64((const u8 *)&b->outer_src4));
}
_Static_assert(__builtin_offsetof(struct backend, src_mac) == __builtin_offsetof(struct backend, dst_mac) + 6 &&
               __builtin_offsetof(struct backend, outer_start) == __builtin_offsetof(struct backend, dst_mac) + 12 &&
               __builtin_offsetof(struct backend, outer_dst4) == __builtin_offsetof(struct backend, outer_src4) + 4 &&
               __builtin_offsetof(struct vip, tenant) == __builtin_offsetof(struct vip, index) + 4, "read as one number");

typedef u64 byte_counters __attribute__((vector_size(16), may_alias)); /* in, out */
_Static_assert(__builtin_offsetof(struct vip_counters, bytes_in) % 16 == 0 &&
               __builtin_offsetof(struct vip_counters, bytes_out) == __builtin_offsetof(struct vip_counters, bytes_in) + 8 &&
               __builtin_offsetof(struct backend_counters, bytes_in) % 16 == 0 &&
               __builtin_offsetof(struct backend_counters, bytes_out) == __builtin_offsetof(struct backend_counters, bytes_in) + 8, "counted as one");

/* Packet `i`, which the step before took: wrapped, and counted but for the worker's own counters. */
static always_inline void express_forward(struct express_view *v, const struct express *x, u32 i, struct packet *p, bool is_v4)
{
    const struct backend *b = v->backends + x->backend[i];
    const struct vip *vip = x->vip[i];
    u32 l3_len = x->l3_len[i], in_len = (u32)(p->end - p->data), out_len = ETH_BYTES + OUTER_IPV4_BYTES + l3_len;
    express_wrap(p->data, b, l3_len, is_v4);
    p->data -= OUTER_IPV4_BYTES;
    store64((u8 *)&p->vip, load64((const u8 *)&vip->index));
    store64((u8 *)&p->backend, x->backend[i] | (u64)in_len << 32);
    store64((u8 *)&p->out_len, out_len | (u64)b->device << 32);
    v->bytes += in_len;
    byte_counters bytes = {in_len, out_len};
    struct vip_counters *of_vip = v->vip_counters + vip->index;
    *(byte_counters *)&of_vip->bytes_in += bytes;
    of_vip->verdict[VERDICT_FORWARD]++;
    struct backend_counters *of_backend = v->backend_counters + x->backend[i];
    of_backend->packets++;
    *(byte_counters *)&of_backend->bytes_in += bytes;
}
