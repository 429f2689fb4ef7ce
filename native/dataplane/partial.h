/* Partial checksums without the metadata that tells of them: XDP hands over the bytes of a packet alone.
 *
 * A kernel that leaves an L4 checksum to the hardware writes the pseudo-header's sum into the field and says so beside the packet. On
 * devices without hardware (veth) XDP loses what was said, but the field betrays it. A whole packet whose right checksum happens to be
 * that value stays as it is, since completing it yields the same value; of damaged packets one in 65,536 would look right. So this is
 * for such devices alone. TCP and UDP without fragments and IPv6 extension headers: the kernel completes all others itself. */
#pragma once
#include "../core/core.h"

/* Completes the checksum of the frame where its field holds the pseudo-header's sum. */
void complete_if_partial(u8 *data, u8 *end);
