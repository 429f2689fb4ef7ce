/* Four or eight numbers at once, for processors with AVX2 (x86-64-v3). In a process only; whoever calls asks the processor first. */
#pragma once
#include "types.h"

#define AVX2 __attribute__((target("avx2")))

typedef u64 lane4 __attribute__((vector_size(32), may_alias));
typedef u32 lane8 __attribute__((vector_size(32), may_alias));

static AVX2 inline lane4 lane4_of(u64 v)
{
    return (lane4){v, v, v, v};
}

/* Bit i of it: the highest of number i. */
static AVX2 inline u32 lane4_signs(lane4 v)
{
    typedef double doubles __attribute__((vector_size(32)));
    return (u32)__builtin_ia32_movmskpd256((doubles)v);
}
