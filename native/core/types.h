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

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "torii's tables and its flow hash are specified for little-endian machines"
#endif

static always_inline u16 be16(u16 v) { return __builtin_bswap16(v); }
static always_inline u32 be32(u32 v) { return __builtin_bswap32(v); }

/* Packets put a 32-bit field at any 2-byte boundary; memcpy of a constant size is one load on x86, arm64 and BPF. */
static always_inline u16 load16(const u8 *p) { u16 v; __builtin_memcpy(&v, p, 2); return v; }
static always_inline u32 load32(const u8 *p) { u32 v; __builtin_memcpy(&v, p, 4); return v; }
static always_inline void store16(u8 *p, u16 v) { __builtin_memcpy(p, &v, 2); }
static always_inline void store32(u8 *p, u32 v) { __builtin_memcpy(p, &v, 4); }
