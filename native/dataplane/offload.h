/* What the kernel leaves undone in a packet it hands over locally (veth, virtio): L4 checksums still open, and super-frames
 * that were to be cut by a card. Both are told by the metadata beside the packet, never by its bytes. */
#pragma once
#include "../core/core.h"
#include <stddef.h>
#include <string.h>

/* One's complement sum of `bytes` bytes, as 16-bit words in memory order; an odd last byte counts as followed by zero. */
static inline u32 sum16(const u8 *p, size_t bytes, u64 sum)
{
    for (; bytes >= 4; p += 4, bytes -= 4)
        sum += load32(p);
    if (bytes >= 2) {
        sum += load16(p);
        p += 2;
        bytes -= 2;
    }
    if (bytes)
        sum += *p;
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (u32)((sum >> 16) + (sum & 0xffff));
}

/* Completes a partial checksum: everything from `start` on is summed into the field at `start + offset`, which holds the
 * pseudo-header's sum. 0 is sent as 0xffff, since to UDP 0 means "none" (RFC 768). */
static inline void complete_checksum(u8 *start, const u8 *end, u32 offset)
{
    if (start >= end || (size_t)(end - start) < (size_t)offset + 2)
        return;
    u16 csum = (u16)~sum16(start, (size_t)(end - start), 0);
    store16(start + offset, csum ? csum : 0xffff);
}
