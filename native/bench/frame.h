/* The frame that the generator sends again and again, as its BPF program and its loader both know it: Ethernet, IPv4, TCP, and
 * zeros to FRAME_BYTES, which is 64 on a wire with the frame check sequence. Sums are of all words but source address, source
 * port and the checksum itself, in host order and not folded. */
#pragma once

#define FRAME_BYTES 60
#define HEADER_BYTES 54
#define FLOWS_MAX (1u << 31)
#define PORT_BITS 14
#define FIRST_PORT 1024u
#define SOURCE_NET 0xc6120000u /* 198.18.0.0/15, for benchmarks of networks (RFC 2544) */

struct frame_plan {
    unsigned char header[56]; /* HEADER_BYTES of it */
    unsigned int device;      /* by which frames leave */
    unsigned int flow_mask;   /* flows, a power of two, less one */
    unsigned int ip_sum, tcp_sum;
};
