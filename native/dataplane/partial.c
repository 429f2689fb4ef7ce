#include "partial.h"
#include "../core/parse.h"
#include "offload.h"

#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6

static u32 sum_words(const u8 *p, u32 bytes, u32 sum)
{
    for (u32 i = 0; i < bytes; i += 2)
        sum += load16(p + i);
    return sum;
}

static u16 folded(u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16)((sum & 0xffff) + (sum >> 16));
}

/* `length` bytes at `l4`; `pseudo` sums their addresses. */
static void complete_l4(u8 *l4, u32 length, u8 protocol, u32 pseudo)
{
    u32 field = protocol == PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
    if ((protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) || length < field + 2)
        return;
    pseudo += (u32)be16((u16)length) + be16(protocol);
    if (load16(l4 + field) == folded(pseudo))
        complete_checksum(l4, l4 + length, field);
}

static void complete_ipv4(u8 *ip, const u8 *end)
{
    if (ip + IPV4_BYTES > end || be16(load16(ip + IPV4_FRAGMENT)) & (IPV4_MF | IPV4_OFFSET_MASK))
        return;
    u32 header = (u32)(ip[0] & 15) * 4, total = be16(load16(ip + IPV4_TOTAL_LENGTH));
    if (header < IPV4_BYTES || total < header || ip + total > end)
        return;
    complete_l4(ip + header, total - header, ip[IPV4_PROTOCOL], sum_words(ip + IPV4_SRC, 8, 0));
}

static void complete_ipv6(u8 *ip, const u8 *end)
{
    if (ip + IPV6_BYTES > end)
        return;
    u32 length = be16(load16(ip + IPV6_PAYLOAD_LENGTH));
    if (ip + IPV6_BYTES + length <= end)
        complete_l4(ip + IPV6_BYTES, length, ip[IPV6_NEXT_HEADER], sum_words(ip + IPV6_SRC, 32, 0));
}

void complete_if_partial(u8 *data, u8 *end)
{
    if (data + ETH_BYTES + VLAN_BYTES > end)
        return;
    u32 l3 = load16(data + ETH_TYPE) == be16(ETHERTYPE_VLAN) ? ETH_BYTES + VLAN_BYTES : ETH_BYTES;
    u16 type = load16(data + l3 - 2);
    if (type == be16(ETHERTYPE_IPV4))
        complete_ipv4(data + l3, end);
    else if (type == be16(ETHERTYPE_IPV6))
        complete_ipv6(data + l3, end);
}
