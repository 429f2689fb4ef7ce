/* Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * Sums stay in memory order, as the packet's bytes lie: one's complement addition does not care which byte comes
 * first, so nothing here swaps. */
#pragma once
#include "types.h"

/* Folds until no carry is left, then complements. Added to itself with its halves exchanged, a sum has both halves' sum in
 * its upper half, and the carry of the lower one has come around already. */
static always_inline u16 csum_fold(u32 sum)
{
    return (u16)(~(sum + (sum << 16 | sum >> 16)) >> 16);
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
