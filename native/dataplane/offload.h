/* What the kernel leaves undone in frames that it hands over locally (veth, virtio) or has merged (GRO): L4 checksums still
 * open, and super-frames that a card was to cut. The metadata beside the frame tells, never its bytes. */
#pragma once
#include "../core/core.h"
#include <linux/virtio_net.h>
#include <stddef.h>

/* Completes a partial checksum: everything from `start` on is summed into the field at `start + offset`, which holds the
 * pseudo-header's sum. */
void complete_checksum(u8 *start, const u8 *end, u32 offset);

/* A super-frame that is being cut into the segments its sender meant. */
struct super_frame {
    const u8 *data; /* Ethernet header, with its tag */
    u32 l3, l4, payload;  /* offsets from data */
    u32 payload_bytes, cut; /* all of it, and how much has been cut off */
    u32 segment_bytes;      /* payload per segment */
    bool is_v6, is_udp;
};

/* False: not one that can be cut here (tunnels, IPv6 jumbograms, cut short, segments of more than `frame_max` bytes). The frame must
 * stay in place until the last segment is cut. */
bool super_frame_begin(struct super_frame *s, const u8 *data, const u8 *end, const struct virtio_net_hdr *vnet, u32 frame_max);

/* Writes the next segment, checksums complete; its length, or 0 when there is none left. */
u32 super_frame_cut(struct super_frame *s, u8 *out);
