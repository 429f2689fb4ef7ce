#include "offload.h"
#include "../core/encap.h"
#include <string.h>

#define TCP_SEQUENCE 4
#define TCP_DATA_OFFSET 12
#define TCP_CHECKSUM 16
#define TCP_PSH 0x08
#define TCP_CWR 0x80
#define GSO_UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4, younger than Debian 12's headers */
#define UDP_LENGTH 4
#define UDP_CHECKSUM 6

/* One's complement sum of 16-bit words in memory order on top of `sum`; an odd last byte counts as followed by zero. */
static u64 sum_bytes(const u8 *p, size_t bytes, u64 sum)
{
    for (; bytes >= 4; p += 4, bytes -= 4)
        sum += load32(p);
    if (bytes >= 2) {
        sum += load16(p);
        p += 2;
        bytes -= 2;
    }
    return bytes ? sum + *p : sum;
}

/* 32-bit words were added up: fold to 32 bits first. */
static u16 fold(u64 sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    return csum_fold((u32)sum);
}

void complete_checksum(u8 *start, const u8 *end, u32 offset)
{
    if (start >= end || (size_t)(end - start) < (size_t)offset + 2)
        return;
    u16 csum = fold(sum_bytes(start, (size_t)(end - start), 0));
    store16(start + offset, csum ? csum : 0xffff); /* to UDP, 0 means "none" (RFC 768) */
}

/* Where the transport header begins behind the IP header at `ip`, of which `bytes` are there; 0: nowhere, or not of `protocol`. `total`:
 * bytes of the IP packet. */
static u32 find_l4_v4(const u8 *ip, u32 bytes, u8 protocol, u32 *total)
{
    u32 header = (u32)(ip[0] & 15) * 4;
    if (bytes < IPV4_BYTES || ip[0] >> 4 != 4 || header < IPV4_BYTES || ip[IPV4_PROTOCOL] != protocol)
        return 0;
    *total = be16(load16(ip + IPV4_TOTAL_LENGTH));
    return *total <= bytes && header <= *total ? header : 0;
}

static u32 find_l4_v6(const u8 *ip, u32 bytes, u8 protocol, u32 *total)
{
    if (bytes < IPV6_BYTES || ip[0] >> 4 != 6)
        return 0;
    *total = IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH));
    if (*total > bytes)
        return 0;
    u32 l4 = IPV6_BYTES;
    u8 next = ip[IPV6_NEXT_HEADER];
    for (u32 headers = 0; headers < IPV6_HEADERS_MAX && next != protocol; headers++) {
        if ((next != IPV6_HOP_BY_HOP && next != IPV6_DESTINATION && next != IPV6_ROUTING) || l4 + IPV6_EXTENSION_BYTES > *total)
            return 0;
        next = ip[l4];
        l4 += ((u32)ip[l4 + 1] + 1) * 8;
    }
    return next == protocol ? l4 : 0;
}

bool super_frame_begin(struct super_frame *s, const u8 *data, const u8 *end, const struct virtio_net_hdr *vnet, u32 frame_max)
{
    u8 type = vnet->gso_type & (u8)~VIRTIO_NET_HDR_GSO_ECN;
    u32 bytes = (u32)(end - data), total = 0;
    *s = (struct super_frame){.data = data, .is_udp = type == GSO_UDP_L4};
    if ((type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6 && !s->is_udp) || vnet->gso_size == 0 || bytes < ETH_BYTES)
        return false;
    s->l3 = load16(data + ETH_TYPE) == be16(ETHERTYPE_VLAN) ? ETH_BYTES + VLAN_BYTES : ETH_BYTES;
    if (s->l3 + IPV4_BYTES > bytes)
        return false;
    u16 ethertype = be16(load16(data + s->l3 - 2));
    s->is_v6 = ethertype == ETHERTYPE_IPV6;
    if ((!s->is_v6 && ethertype != ETHERTYPE_IPV4) || (!s->is_udp && s->is_v6 != (type == VIRTIO_NET_HDR_GSO_TCPV6)))
        return false;
    u8 protocol = s->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP;
    u32 headers = (s->is_v6 ? find_l4_v6 : find_l4_v4)(data + s->l3, bytes - s->l3, protocol, &total);
    if (headers == 0 || headers + (s->is_udp ? UDP_BYTES : TCP_BYTES) > total)
        return false;
    s->l4 = s->l3 + headers;
    s->payload = s->l4 + (s->is_udp ? UDP_BYTES : (u32)(data[s->l4 + TCP_DATA_OFFSET] >> 4) * 4);
    if ((!s->is_udp && s->payload < s->l4 + TCP_BYTES) || s->payload >= s->l3 + total || s->payload + vnet->gso_size > frame_max)
        return false;
    s->payload_bytes = s->l3 + total - s->payload;
    s->segment_bytes = vnet->gso_size;
    return true;
}

/* The checksum over a segment's L4 part; its field must hold 0. */
static u16 l4_checksum(const struct super_frame *s, const u8 *ip, const u8 *l4, u32 bytes)
{
    u64 sum = be16((u16)bytes) + ((u64)(s->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP) << 8);
    sum = s->is_v6 ? sum_bytes(ip + IPV6_SRC, 32, sum) : sum_bytes(ip + IPV4_SRC, 8, sum);
    u16 csum = fold(sum_bytes(l4, bytes, sum));
    return csum ? csum : 0xffff;
}

/* `bytes`: from the IP header on. */
static void finish_ip(const struct super_frame *s, u8 *ip, u32 bytes)
{
    if (s->is_v6) {
        store16(ip + IPV6_PAYLOAD_LENGTH, be16((u16)(bytes - IPV6_BYTES)));
        return;
    }
    store16(ip + IPV4_TOTAL_LENGTH, be16((u16)bytes));
    store16(ip + IPV4_ID, be16((u16)(be16(load16(ip + IPV4_ID)) + s->cut / s->segment_bytes)));
    store16(ip + IPV4_CHECKSUM, 0);
    store16(ip + IPV4_CHECKSUM, fold(sum_bytes(ip, s->l4 - s->l3, 0)));
}

static void finish_tcp(const struct super_frame *s, const u8 *ip, u8 *l4, u32 bytes, bool is_last)
{
    store32(l4 + TCP_SEQUENCE, be32(be32(load32(l4 + TCP_SEQUENCE)) + s->cut));
    if (!is_last)
        l4[TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
    if (s->cut > 0)
        l4[TCP_FLAGS] &= (u8)~TCP_CWR; /* RFC 3168: on the first segment only */
    store16(l4 + TCP_CHECKSUM, 0);
    store16(l4 + TCP_CHECKSUM, l4_checksum(s, ip, l4, bytes));
}

static void finish_udp(const struct super_frame *s, const u8 *ip, u8 *l4, u32 bytes)
{
    store16(l4 + UDP_LENGTH, be16((u16)bytes));
    store16(l4 + UDP_CHECKSUM, 0);
    store16(l4 + UDP_CHECKSUM, l4_checksum(s, ip, l4, bytes));
}

u32 super_frame_cut(struct super_frame *s, u8 *out)
{
    u32 left = s->payload_bytes - s->cut;
    if (left == 0)
        return 0;
    u32 bytes = left < s->segment_bytes ? left : s->segment_bytes;
    memcpy(out, s->data, s->payload);
    memcpy(out + s->payload, s->data + s->payload + s->cut, bytes);
    u8 *ip = out + s->l3, *l4 = out + s->l4;
    u32 l4_bytes = s->payload - s->l4 + bytes;
    finish_ip(s, ip, s->l4 - s->l3 + l4_bytes);
    if (s->is_udp)
        finish_udp(s, ip, l4, l4_bytes);
    else
        finish_tcp(s, ip, l4, l4_bytes, bytes == left);
    s->cut += bytes;
    return s->payload + bytes;
}
