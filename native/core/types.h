/* The few words that the core is written in. Freestanding: compiled as C11 into the addon and, unchanged, to BPF. */
#pragma once

typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL_PTR ((void *)0)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))

/* What few packets need stands apart in a process, so that the common way keeps its registers; BPF's programs are small enough. */
#ifdef TORII_BPF
#define slow_path always_inline
#else
#define slow_path __attribute__((noinline, cold))
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "torii's tables and its flow hash are specified for little-endian machines"
#endif

static always_inline u16 be16(u16 v) { return __builtin_bswap16(v); }
static always_inline u32 be32(u32 v) { return __builtin_bswap32(v); }

/* Packets put a 32-bit field at any 2-byte boundary; the packed structure tells so, and is one load on x86 and arm64. For
 * BPF clang would take it apart into bytes, while the kernel allows such loads on both: there the address counts as aligned. */
#ifdef TORII_BPF
#define PACKED
#else
#define PACKED packed,
#endif
struct wire16 { u16 v; } __attribute__((PACKED may_alias));
struct wire32 { u32 v; } __attribute__((PACKED may_alias));
struct wire64 { u64 v; } __attribute__((PACKED may_alias));
static always_inline u16 load16(const u8 *p) { return ((const struct wire16 *)(const void *)p)->v; }
static always_inline u32 load32(const u8 *p) { return ((const struct wire32 *)(const void *)p)->v; }
static always_inline u64 load64(const u8 *p) { return ((const struct wire64 *)(const void *)p)->v; }
static always_inline void store16(u8 *p, u16 v) { ((struct wire16 *)(void *)p)->v = v; }
static always_inline void store32(u8 *p, u32 v) { ((struct wire32 *)(void *)p)->v = v; }
static always_inline void store64(u8 *p, u64 v) { ((struct wire64 *)(void *)p)->v = v; }

/* A word that other threads write: one load, every time. clang's BPF backend has no atomic load before version 20. */
static always_inline u64 load_shared(const u64 *p) { return *(const volatile u64 *)p; }
static always_inline void store_shared(u64 *p, u64 v) { *(volatile u64 *)p = v; }
