/* Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * Sums stay in memory order, as the packet's bytes lie: one's complement addition does not care which byte comes
 * first, so nothing here swaps. */
#pragma once
#include "types.h"

/* Folds until no carry is left, then complements. The first fold leaves at most 0x1fffe, so the second is the last. */
static always_inline u16 csum_fold(u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

/* Checksum after one 16-bit word of the covered data changed (RFC 1624, equation 3). A checksum that was wrong stays
 * wrong by the same amount. */
static always_inline u16 csum_replace16(u16 csum, u16 old_word, u16 new_word)
{
    return csum_fold((u32)(u16)~csum + (u16)~old_word + new_word);
}

/* The same after a covered word went down by one: RFC 1624 equation 3 with m' = m - 1, which is an addition of one, or of two
 * where the carry comes around. */
static always_inline u16 csum_after_decrement(u16 csum)
{
    return (u16)(csum + 1 + (csum >= 0xfffe));
}
