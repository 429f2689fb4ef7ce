/* Answers questions about the flow hash and Maglev tables, one a line, so that tests can compare C with TypeScript.
 *
 *   hash KEY SOURCE DESTINATION PORTS PROTOCOL   all but the protocol in hexadecimal, as the bytes lie; KEY is the
 *                                                snapshot's two lines of key without spare words
 *     → fingerprint bucket bucket slot-hash destination-hash
 *   table SIZE KEY [IDENTITY WEIGHT BACKEND TAKES_NEW]…
 *     → checksum of the fill, of the refill; fill; refill
 *   walk SIZE [OFFSET SKIP BACKEND TAKES_NEW]…   explicit walks, weight 1
 *     → fill; refill */
#include "../core/hash.h"
#include "../dataplane/maglev.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *word(void)
{
    const char *w = strtok(NULL, " \n");
    return w ? w : "";
}

static void read_hex(void *out, size_t bytes)
{
    const char *text = word();
    memset(out, 0, bytes);
    for (size_t i = 0; i < bytes && strlen(text) >= 2 * (i + 1); i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], 0};
        ((u8 *)out)[i] = (u8)strtoul(byte, NULL, 16);
    }
}

static u32 read_number(void) { return (u32)strtoul(word(), NULL, 10); }

static void answer_hash(void)
{
    u8 bytes[96];
    struct hash_key key;
    struct hash_mix mix = {0};
    struct tuple t;
    read_hex(bytes, sizeof bytes);
    memcpy(&key, bytes, sizeof key);
    memcpy(&mix, bytes + sizeof key, 32);
    read_hex(t.src, 16);
    read_hex(t.dst, 16);
    read_hex(&t.ports, 4);
    t.protocol = read_number();
    bool is_v4 = !t.src[0] && !t.src[1] && !t.dst[0] && !t.dst[1] && t.src[2] == V4_MAPPED_WORD && t.dst[2] == V4_MAPPED_WORD;
    struct flow_hash h = hash_tuple(&key, &mix, &t, false), short_cut = hash_tuple(&key, &mix, &t, is_v4);
    if (h.fp != short_cut.fp || h.bucket[0] != short_cut.bucket[0] || h.bucket[1] != short_cut.bucket[1])
        puts("the precomputed IPv4 products differ");
    else
        printf("%016llx %08x %08x %08x %08x\n", (unsigned long long)h.fp, h.bucket[0], h.bucket[1], hash_slot(&mix, h.fp),
               hash_destination(t.dst, t.ports >> 16 | t.protocol << 16));
}

static void print_slots(const u16 *slots, u32 size)
{
    for (u32 i = 0; i < size; i++)
        printf(" %u", slots[i]);
}

static void answer_tables(struct maglev *m, u32 size, bool with_checksums)
{
    u16 *filled = malloc(size * sizeof *filled), *refilled = malloc(size * sizeof *refilled);
    if (!filled || !refilled)
        exit(1);
    maglev_fill(m, filled);
    maglev_refill(m, filled, refilled);
    if (with_checksums)
        printf("%016llx %016llx", (unsigned long long)maglev_checksum(m, filled), (unsigned long long)maglev_checksum(m, refilled));
    print_slots(filled, size);
    print_slots(refilled, size);
    puts("");
    free(filled);
    free(refilled);
    maglev_close(m);
}

static u32 read_members(struct maglev_member *members, u32 room)
{
    u32 count = 0;
    while (count < room) {
        struct maglev_member m;
        read_hex(m.identity, 16);
        m.weight = read_number();
        m.backend = (u16)read_number();
        const char *takes = word();
        if (!*takes)
            break;
        m.takes_new = *takes == '1';
        members[count++] = m;
    }
    return count;
}

static void answer_table(struct maglev_member *members, u32 room)
{
    u8 key[MAGLEV_KEY_BYTES];
    u32 size = read_number();
    read_hex(key, sizeof key);
    enum maglev_error error;
    struct maglev *m = maglev_open(members, read_members(members, room), size, key, &error);
    if (m)
        answer_tables(m, size, true);
    else
        printf("error %d\n", error);
}

static void answer_walk(void)
{
    struct maglev_member members[16] = {{{0}, 0, 0, 0}};
    u32 walks[16][4], count = 0, size = read_number();
    for (const char *text; count < 16 && *(text = word()); count++) {
        walks[count][0] = (u32)strtoul(text, NULL, 10);
        for (u32 i = 1; i < 4; i++)
            walks[count][i] = read_number();
        members[count] = (struct maglev_member){{(u8)count}, 1, (u16)walks[count][2], (u16)walks[count][3]};
    }
    u8 key[MAGLEV_KEY_BYTES] = {0};
    enum maglev_error error;
    struct maglev *m = maglev_open(members, count, size, key, &error);
    for (u32 i = 0; m && i < count; i++) {
        m->seat[i].offset = walks[i][0];
        m->seat[i].skip = walks[i][1];
    }
    if (m)
        answer_tables(m, size, false);
    else
        printf("error %d\n", error);
}

int main(void)
{
    u32 room = MAGLEV_MEMBERS_MAX;
    struct maglev_member *members = malloc(room * sizeof *members);
    char *line = NULL;
    size_t allocated = 0;
    while (members && getline(&line, &allocated, stdin) > 0) {
        const char *question = strtok(line, " \n");
        if (question && strcmp(question, "hash") == 0)
            answer_hash();
        else if (question && strcmp(question, "table") == 0)
            answer_table(members, room);
        else if (question && strcmp(question, "walk") == 0)
            answer_walk();
        else
            puts("error: no such question");
    }
    free(line);
    free(members);
    return 0;
}
