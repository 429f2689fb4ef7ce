/* The one truth about every byte that the packet path shares with anybody.
 *
 * All of it is arrays of 64-byte lines (docs/architecture.md, fixed decision 1): offsets and indices, never pointers,
 * so that the same shapes lie in process memory and in mmap-able BPF arrays. Each structure is a list of fields that
 * declares the C structure here and the table of offsets that the addon exports, from which TypeScript reads and
 * writes; there is no second description to fall out of step. Integers are little-endian; addresses, ports and MACs lie
 * as on the wire. Index 0 of VIPs, backends, pools and tenants means "none". */
#pragma once
#include "types.h"

#define LAYOUT_VERSION 1
#define SNAPSHOT_MAGIC 0x69726f74u /* "tori" */
#define LINE_BYTES 64

typedef struct { u8 bytes[LINE_BYTES]; } __attribute__((aligned(LINE_BYTES))) line;

/* Tables: what `at(core, TABLE, index)` can reach. */
#define TABLES(T) \
    T(SNAPSHOT, 0)  /* the generation in force */ \
    T(SLOTS, 1)     /* Maglev tables, shared between generations */ \
    T(FLOWS, 2)     /* flow buckets of every worker */ \
    T(COUNTERS, 3)  /* one block per worker, written by it alone */ \
    T(TENANTS, 4)   /* token buckets: words that several workers write */ \
    T(FRAGMENTS, 5) /* where the first fragment of a datagram went: one for the node, written by every worker */ \
    T(PATHS, 6)     /* learned MTUs of the ways to backends, likewise */ \
    T(RECORDS, 7)   /* what flows are, for people: a line for each place of FLOWS, or none at all; in a process only */

#define TABLE_ENUM(name, number) TABLE_##name = number,
enum { TABLES(TABLE_ENUM) TABLE_COUNT };
#undef TABLE_ENUM

/* Verdicts. The number is the counter's index per worker and per VIP (docs/packet-path.md). */
#define VERDICTS(V) \
    V(0, FORWARD, forward, none)            V(1, PASS, pass, none) \
    V(2, ECHO, answer, echo)                V(3, TOO_BIG, answer, too_big) \
    V(4, TIME_EXCEEDED, answer, ttl_expired) \
    V(5, MALFORMED, drop, malformed)        V(6, IPV6_HEADERS, drop, ipv6_headers) \
    V(7, NO_VIP_PORT, drop, no_vip_port)    V(8, DENIED, drop, denied) \
    V(9, CPS_LIMITED, drop, cps_limited)    V(10, RATE_LIMITED, drop, rate_limited) \
    V(11, TTL_EXPIRED, drop, ttl_expired)   V(12, OVERSIZE, drop, oversize) \
    V(13, LOOP, drop, loop)                 V(14, ICMP_OTHER, drop, icmp_other) \
    V(15, FRAGMENT_TINY, drop, fragment_tiny) V(16, FRAGMENT_UNMATCHED, drop, fragment_unmatched) \
    V(17, NO_BACKEND, drop, no_backend)     V(18, NO_NEXT_HOP, drop, no_next_hop) \
    V(19, OVERLOAD, drop, overload)         V(20, TX_FULL, drop, tx_full)

#define VERDICT_ENUM(number, name, kind, reason) VERDICT_##name = number,
enum { VERDICTS(VERDICT_ENUM) VERDICT_COUNT };
#undef VERDICT_ENUM
#define VERDICT_WORDS 24 /* room kept per VIP and worker; never fewer than VERDICT_COUNT */

/* How a forwarded packet related to the flow table. */
#define FLOW_KINDS(K) K(NONE, 0) K(NEW, 1) K(KNOWN, 2) K(UNTRACKED, 3)
#define FLOW_ENUM(name, number) FLOW_##name = number,
enum { FLOW_KINDS(FLOW_ENUM) FLOW_KIND_COUNT };
#undef FLOW_ENUM

/* ---- Snapshot: header, sections, hash key, node; then the sections in any order ---- */

#define SNAPSHOT_HEADER(F, A) /* line 0 */ \
    F(u32, magic) F(u32, version) F(u32, generation) F(u32, lines) \
    F(u32, vips) F(u32, backends) F(u32, pools) F(u32, tenants) /* one more than the highest index */ \
    F(u32, devices) F(u32, profiles) F(u32, ranges) F(u32, prefix_lengths) \
    A(u32, spare, 4)

#define SNAPSHOT_SECTIONS(F, A) /* line 1: first line of each section */ \
    F(u32, vip_index) F(u32, vip_index_mask) /* buckets: a power of two */ \
    F(u32, address) F(u32, address_mask)     /* lines: a power of two */ \
    F(u32, vip) F(u32, backend) F(u32, pool) F(u32, tenant) F(u32, device) F(u32, profile) F(u32, range) \
    F(u32, backend_index) F(u32, backend_index_mask) /* by address, as vip_index */ \
    A(u32, spare, 3)

#define HASH_KEY(F, A) /* line 2: hash.h */ \
    A(u32, nh, 12) F(u64, m0) F(u64, m1)

#define HASH_MIX(F, A) /* line 3 */ \
    F(u64, m2) F(u64, m3) F(u64, v4_a) F(u64, v4_b) /* sums of the three products that are constant for IPv4 */ \
    A(u64, spare, 4)

#define SNAPSHOT_NODE(F, A) /* line 4; intervals in ticks of 1/16 ns an answer, 0: never */ \
    A(u8, address6, 16) F(u32, address4) \
    F(u32, echo_burst) F(u32, too_big_burst) F(u32, time_exceeded_burst) \
    F(u64, echo_interval) F(u64, too_big_interval) F(u64, time_exceeded_interval) F(u64, spare)

#define SNAPSHOT_PREFIXES(F, A) /* line 5: lengths in use (IPv4 + 96), longest first */ \
    A(u8, length, 64)

#define SNAPSHOT_ENTROPY(F, A) /* line 6: outer sources by flow hash; a length of 0: none */ \
    A(u8, prefix6, 16) F(u32, prefix4) F(u32, host_mask4) /* network order; set bits are the flow's */ \
    A(u8, host_mask6, 16) F(u32, has4) F(u32, has6) A(u32, spare, 4)

#define SNAPSHOT_FIRST_SECTION 7

/* 16 candidates: tag << 20 | VIP index; 0 is empty. Key: destination address, port, protocol. */
#define VIP_BUCKET(F, A) A(u32, entry, 16)

/* One VIP address (or prefix); the table is probed line by line from hash & mask, ADDRESS_PROBES at most. */
#define ADDRESS(F, A) \
    A(u8, address, 16) F(u32, used) F(u32, length) /* prefix length, IPv4 + 96 */ \
    F(u32, any_tcp) F(u32, any_udp)    /* VIP of any port, or 0 */ \
    F(u32, range) F(u32, ranges)       /* first entry in the range section, and how many */ \
    F(u32, first_vip) \
    F(u32, source_tcp) F(u32, source_udp) /* a VIP that speaks for all of its protocol here: all hash by source to one pool; or 0 */ \
    A(u32, spare, 3)

/* Port ranges, four to a line. Ports in host order, inclusive. */
#define RANGE(F, A) F(u32, vip) F(u16, first) F(u16, last) F(u32, protocol) F(u32, spare)

#define VIP(F, A) \
    A(u8, address, 16) F(u16, port) /* network order; 0 for ranges and any */ \
    F(u8, protocol) F(u8, hash_mode) F(u8, encap) F(u8, flags) F(u8, profile) F(u8, spare0) \
    F(u32, index) F(u32, tenant) F(u32, pool) F(u32, kept_pool) /* another one that flows stay with: the fallback, or the own one while that serves */ A(u32, spare, 6)

#define BACKEND(F, A) \
    A(u8, address, 16) A(u8, dst_mac, 6) A(u8, src_mac, 6) \
    A(u8, outer_start, 4) /* what stands between the MACs and the length of an outer IPv4 header: type, version and IHL, TOS 0 */ \
    F(u32, outer_src4) F(u32, outer_dst4) F(u32, outer_sum) /* partial checksum of the constant fields of the outer IPv4 header */ \
    F(u32, pool) F(u16, device) F(u16, mtu) F(u8, generation) F(u8, flags) F(u8, outer_bytes) /* 20 or 40, by its family */ F(u8, spare0) \
    F(u32, next_same) /* another backend of the same address, or 0 */ F(u32, spare1)

#define POOL(F, A) \
    F(u32, slots) /* first line in the SLOTS table */ F(u32, size) /* in slots; 0: no usable backend */ \
    A(u32, spare, 14)

#define TENANT(F, A) \
    F(u64, interval) /* ticks of 1/16 ns a token; 0: unlimited */ F(u64, span) /* burst * interval */ \
    F(u32, batch) F(u32, flags) A(u64, spare, 5)

#define DEVICE(F, A) A(u8, mac, 6) F(u16, mtu) A(u32, spare, 14)

/* Idle timeouts of a VIP, four profiles to a line. `established` is the one of the VIP's protocol. */
#define PROFILE(F, A) F(u32, probation_ms) F(u32, established_ms) F(u32, fin_ms) F(u32, flags)

/* ---- Flow table ---- */

/* Four flows. fp: the 64-bit fingerprint. meta, from bit 0: seen 30 (ms, wraps after 12 days), state 2, profile 8,
 * generation 8, backend 16. State 0 is an empty place. */
#define FLOW_BUCKET(F, A) A(u64, fp, 4) A(u64, meta, 4)

/* Four datagrams. fp: fingerprint of addresses, id and, for IPv4, protocol. meta, from bit 0: seen 24 (16 ms, wraps after three
 * days), generation 8, backend 16, VIP 16. A writer clears fp, writes meta, then fp. */
#define FRAGMENT_BUCKET(F, A) A(u64, fp, 4) A(u64, meta, 4)

/* What ICMP has told of the way to a backend, by its index: MTU in bytes << 32 | the second (32 bits, monotonic) it was told in. 0:
 * nothing. Any worker writes it. */
#define PATH_WORDS(F, A) A(u64, path, 8)

/* What the flow at one place of FLOWS is (record.h): its number is the place's. Addresses and ports as on the wire, IPv4 mapped; the
 * second is monotonic; packets and bytes are estimates from a sample. check: 0 while it is written, else of the fingerprint. */
#define FLOW_RECORD(F, A) \
    A(u8, src, 16) A(u8, dst, 16) F(u32, ports) F(u8, protocol) F(u8, spare0) F(u16, vip) \
    F(u32, check) F(u32, since_sec) F(u64, packets) F(u64, bytes)

/* ---- Counters. A worker's block: worker_counters, then vip_counters, backend_counters and tenant_counters by index ----
 * Structures of several lines are read word by word (counter() in core.h): a BPF lookup reaches one line. */

#define WORKER_COUNTERS(F, A) \
    F(u64, generation) F(u64, rx_packets) F(u64, rx_bytes) F(u64, tx_packets) F(u64, tx_bytes) \
    F(u64, bursts) F(u64, busy_ns) F(u64, heartbeat) \
    A(u64, verdict, VERDICT_WORDS) \
    F(u64, untracked) F(u64, evicted) F(u64, resteered) F(u64, new_flows) \
    F(u64, flows) /* gauge */ F(u64, rx_lost) F(u64, tx_errors) F(u64, spare0) \
    F(u64, echo_tat) F(u64, too_big_tat) F(u64, time_exceeded_tat) A(u64, spare, 21)

#define VIP_COUNTERS(F, A) \
    F(u64, bytes_in) F(u64, bytes_out) F(u64, new_flows) F(u64, untracked) F(u64, evicted) F(u64, resteered) F(u64, spare0) \
    A(u64, verdict, VERDICT_WORDS) F(u64, spare1)

#define BACKEND_COUNTERS(F, A) \
    F(u64, packets) F(u64, new_flows) F(u64, bytes_in) F(u64, bytes_out) F(u64, resteered) \
    F(u64, unreachable) /* ICMP errors about the way to it */ A(u64, spare, 2)

/* A worker's side of a tenant: tokens drawn but not spent, when to look again, what was decided. */
#define TENANT_COUNTERS(F, A) \
    F(u64, credit) F(u64, empty_until) F(u64, admitted) F(u64, limited) A(u64, spare, 4)

/* A tenant's token bucket as one virtual time in ticks (admit.h). */
#define TENANT_BUCKET(F, A) F(u64, tat) A(u64, spare, 7)

/* ---- Capture: a packet that was sampled, in front of its bytes (dataplane/capture.h) ---- */

/* Nanoseconds since 1970. *_bytes: of the frame; *_kept: how many of them follow. pieces: it left as so many fragments, which are not kept. */
#define CAPTURE_RECORD(F, A) \
    F(u64, time_ns) F(u32, in_bytes) F(u32, in_kept) F(u32, out_bytes) F(u32, out_kept) \
    F(u32, vip) F(u32, tenant) F(u32, backend) F(u32, worker) F(u16, device) F(u16, out_device) \
    F(u8, verdict) F(u8, flow) F(u16, pieces) A(u64, spare, 2)

#define STRUCTURES(S) \
    S(snapshot_header, SNAPSHOT_HEADER) S(snapshot_sections, SNAPSHOT_SECTIONS) S(hash_key, HASH_KEY) S(hash_mix, HASH_MIX) \
    S(snapshot_node, SNAPSHOT_NODE) S(snapshot_prefixes, SNAPSHOT_PREFIXES) S(snapshot_entropy, SNAPSHOT_ENTROPY) \
    S(vip_bucket, VIP_BUCKET) S(address, ADDRESS) \
    S(range, RANGE) S(vip, VIP) S(backend, BACKEND) S(pool, POOL) S(tenant, TENANT) S(device, DEVICE) S(profile, PROFILE) \
    S(flow_bucket, FLOW_BUCKET) S(fragment_bucket, FRAGMENT_BUCKET) S(path_words, PATH_WORDS) S(flow_record, FLOW_RECORD) S(worker_counters, WORKER_COUNTERS) S(vip_counters, VIP_COUNTERS) \
    S(backend_counters, BACKEND_COUNTERS) S(tenant_counters, TENANT_COUNTERS) S(tenant_bucket, TENANT_BUCKET) \
    S(capture_record, CAPTURE_RECORD)

#define DECLARE_FIELD(type, name) type name;
#define DECLARE_ARRAY(type, name, count) type name[count];
#define DECLARE(name, FIELDS) struct name { FIELDS(DECLARE_FIELD, DECLARE_ARRAY) } __attribute__((may_alias));
STRUCTURES(DECLARE)
#undef DECLARE
#undef DECLARE_FIELD
#undef DECLARE_ARRAY

#define LINES_OF(name) (sizeof(struct name) / LINE_BYTES)
#define WHOLE_LINES(name, lines) _Static_assert(sizeof(struct name) == (lines) * LINE_BYTES, #name)
WHOLE_LINES(snapshot_header, 1);
WHOLE_LINES(snapshot_sections, 1);
WHOLE_LINES(hash_key, 1);
WHOLE_LINES(hash_mix, 1);
WHOLE_LINES(snapshot_node, 1);
WHOLE_LINES(snapshot_prefixes, 1);
WHOLE_LINES(vip_bucket, 1);
WHOLE_LINES(address, 1);
WHOLE_LINES(vip, 1);
WHOLE_LINES(backend, 1);
WHOLE_LINES(pool, 1);
WHOLE_LINES(tenant, 1);
WHOLE_LINES(device, 1);
WHOLE_LINES(flow_bucket, 1);
WHOLE_LINES(fragment_bucket, 1);
WHOLE_LINES(path_words, 1);
WHOLE_LINES(flow_record, 1);
WHOLE_LINES(snapshot_entropy, 1);
WHOLE_LINES(worker_counters, 8);
WHOLE_LINES(vip_counters, 4);
WHOLE_LINES(backend_counters, 1);
WHOLE_LINES(tenant_counters, 1);
WHOLE_LINES(tenant_bucket, 1);
WHOLE_LINES(capture_record, 1);
_Static_assert(sizeof(struct range) * 4 == LINE_BYTES && sizeof(struct profile) * 4 == LINE_BYTES, "four to a line");
_Static_assert(__builtin_offsetof(struct vip_counters, verdict) / 8 + VERDICT_FORWARD < 8, "in the first line");
_Static_assert((int)VERDICT_COUNT <= VERDICT_WORDS, "room for every verdict");

/* Fixed numbers that TypeScript needs, too. */
#define CONSTANTS(C) \
    C(LAYOUT_VERSION) C(SNAPSHOT_MAGIC) C(LINE_BYTES) C(SNAPSHOT_FIRST_SECTION) C(VERDICT_WORDS) \
    C(ADDRESS_PROBES) C(ADDRESS_RANGES_MAX) C(PREFIX_LENGTHS_MAX) C(MAX_VIPS) C(MAX_BACKENDS) C(MAX_POOLS) C(MAX_TENANTS) C(MAX_PROFILES) \
    C(HASH_5TUPLE) C(HASH_SOURCE) C(HASH_DESTINATION_PORT) C(ENCAP_IPIP) C(ENCAP_L2) \
    C(BACKEND_TAKES_NEW) C(BACKEND_KEEPS) C(BACKEND_RESOLVED) C(TENANT_UDP) C(PROFILE_NOT_5TUPLE) C(BACKEND_SERVES_IPV6) C(VIP_ENTROPY) C(VIP_FRESH) C(VIP_DENIED) C(BACKEND_FRESH) C(TENANT_FRESH) \
    C(TICKS_PER_NS) C(SLOTS_PER_LINE) C(FLOWS_PER_LINE) C(FRAGMENT_LINES)

#define ADDRESS_PROBES 16
#define ADDRESS_RANGES_MAX 64
#define PREFIX_LENGTHS_MAX 64
#define MAX_VIPS 65535
#define MAX_BACKENDS 65535
#define MAX_POOLS 65535
#define MAX_TENANTS 65535
#define MAX_PROFILES 256
#define SLOTS_PER_LINE 32 /* u16 backend indices */
#define FLOWS_PER_LINE 4
#define FRAGMENT_LINES 4096 /* 16,384 datagrams; a power of two */
#define TICKS_PER_NS 16
#define WORKERS_MAX 64

#define HASH_5TUPLE 0
#define HASH_SOURCE 1
#define HASH_DESTINATION_PORT 2

#define ENCAP_IPIP 0
#define ENCAP_L2 1

#define BACKEND_TAKES_NEW 1
#define BACKEND_KEEPS 2
#define BACKEND_RESOLVED 4
#define BACKEND_SERVES_IPV6 16 /* its pool has IPv6 VIPs: a learned MTU leaves them 1280 */

/* Set in the first snapshot in which an index belongs to this owner: load zeroes its counters and its token bucket. */
#define VIP_FRESH 1
#define VIP_ENTROPY 2
#define VIP_DENIED 4 /* blackholed: nothing of it is steered */
#define BACKEND_FRESH 8
#define TENANT_FRESH 2

#define TENANT_UDP 1

#define PROFILE_NOT_5TUPLE 1
