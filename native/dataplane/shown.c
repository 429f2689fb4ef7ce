#include "shown.h"
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The consumer's position is ours to write; behind the producer's come the records, mapped twice so that none wraps. */
static size_t producer_bytes(void)
{
    return page_bytes() + 2 * (size_t)STEER_COPIES_BYTES;
}

bool shown_open(struct shown *s, int map_fd)
{
    s->consumer_page = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    s->producer_pages = mmap(NULL, producer_bytes(), PROT_READ, MAP_SHARED, map_fd, (off_t)page_bytes());
    return s->consumer_page != MAP_FAILED && s->producer_pages != MAP_FAILED;
}

void shown_close(struct shown *s)
{
    if (s->consumer_page != MAP_FAILED)
        munmap(s->consumer_page, page_bytes());
    if (s->producer_pages != MAP_FAILED)
        munmap(s->producer_pages, producer_bytes());
}

static void take_one(struct shown_frame *room, struct packet *p, const struct steer_copy *copy)
{
    u32 bytes = copy->bytes < STEER_COPY_FRAME ? copy->bytes : STEER_COPY_FRAME;
    memcpy(room->bytes, copy->frame, bytes);
    p->data = room->bytes;
    p->end = room->bytes + bytes;
    p->engine = NULL;
}

u32 shown_take(struct shown *s, struct packet *packets, u32 max)
{
    unsigned long *consumer = s->consumer_page;
    const u8 *records = (const u8 *)s->producer_pages + page_bytes();
    unsigned long end = __atomic_load_n((unsigned long *)s->producer_pages, __ATOMIC_ACQUIRE), at = *consumer;
    u32 n = 0;
    while (at < end && n < max && n < SHOWN_AT_ONCE) {
        const u8 *record = records + (at & (STEER_COPIES_BYTES - 1));
        u32 length = __atomic_load_n((const u32 *)(const void *)record, __ATOMIC_ACQUIRE);
        if (length & BPF_RINGBUF_BUSY_BIT)
            break;
        if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
            take_one(&s->frame[n], &packets[n], (const void *)(record + BPF_RINGBUF_HDR_SZ));
            n++;
        }
        at += ((length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    }
    __atomic_store_n(consumer, at, __ATOMIC_RELEASE);
    return n;
}
