/* Compares core/checksum.h with a plain reference over everything that can reach it: every partial sum that ten 16-bit words
 * and a backend's constants make, and every checksum under many changes of a word. Prints the number of cases. */
#include "../core/checksum.h"
#include <stdio.h>

/* RFC 1071 as it reads: add the carries back until none is left, then complement. */
static u16 plain(u64 sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

static int fail(const char *what, u32 a, u32 b, u32 c)
{
    printf("%s differs for %#x %#x %#x\n", what, a, b, c);
    return 1;
}

int main(void)
{
    unsigned long cases = 0;
    for (u32 low = 0; low <= 0xffff; low++)
        for (u32 carries = 0; carries <= 16; carries++, cases++)
            if (csum_fold(carries << 16 | low) != plain((u64)carries << 16 | low))
                return fail("csum_fold", low, carries, 0);

    for (u32 other = 0; other <= 0xffff; other++)
        for (u32 step = 0; step < 512; step++, cases++) {
            /* A header whose other words sum to `other`; one word changes, as a TTL's does or at random. */
            u16 old_word = (u16)(step * 40503u + other * 7u);
            u16 new_word = (u16)(old_word - (step & 1 ? 1u : step & 2 ? 0x100u : old_word * 30u + step));
            u16 before = plain((u64)other + old_word);
            u16 after = plain((u64)other + new_word);
            u16 updated = csum_replace16(before, old_word, new_word);
            /* Of all zeros the sum is plus zero, which no update yields and no IP header has. */
            if (updated != after && (other | new_word) != 0)
                return fail("csum_replace16", other, old_word, new_word);
        }
    printf("%lu\n", cases);
    return 0;
}
