#define _GNU_SOURCE
#include "bfd.h"
#include "bfd_socket.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 250000000ull      /* how often the thread looks at `beat` when nothing else wakes it */
#define OWN_PAUSE_MAX_NS 500000000ull /* what one turn counts for at most: a pause of this very thread is not the other's */
#define RETRY_NS 1000000000ull
#define BATCHES_A_TURN 16         /* more than a default socket buffer holds */
#define FLOOD_NAP_NS 1000000ull
#define NICE -10                  /* as the packet workers, where real time is not allowed */
#define FIRST_SOURCE_PORT 49152   /* RFC 5881 4 */
#define SOURCE_PORTS 16384
#define PORT_ATTEMPTS 64

/* What a session needs beside its state. */
struct slot {
    int fd; /* of its own source port; negative: not open */
    int error;
    uint16_t source_port, peer_port;
    struct bfd_address local;
    uint64_t retry_ns, hung_after_ns;
    uint64_t begun, ended; /* how many sessions this slot has had, and how many are over */
};

struct receiver {
    int family, fd, error;
    uint64_t retry_ns;
};

struct bfd {
    pthread_t thread;
    int orders[2];
    struct bfd_setup setup;
    struct bfd_table table;
    struct slot slot[BFD_SESSIONS_MAX];
    struct receiver receiver[2];
    struct bfd_inbox inbox;
    uint64_t random;
    uint64_t turn_ns, beat, silent_ns; /* how long `beat` has stood still while this thread ran */
    bool is_flooded, has_news;
};

/* ---- Time and chance ---- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What an outsider must not guess. */
static uint32_t secret_number(void)
{
    uint32_t number = 0;
    while (getrandom(&number, sizeof number, 0) != sizeof number)
        ;
    return number;
}

/* xorshift64*: for jitter. */
static uint32_t any_number(struct bfd *b)
{
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return (uint32_t)(b->random * 0x2545f4914f6cdd1dull >> 32);
}

/* ---- Words ---- */

/* Whether it is another value than before. */
static bool put(struct bfd *b, uint32_t word, uint64_t value)
{
    _Atomic uint64_t *at = &b->setup.words[word];
    if (atomic_load_explicit(at, memory_order_relaxed) == value)
        return false;
    atomic_store_explicit(at, value, memory_order_release);
    return true;
}

static void show_session(struct bfd *b, uint32_t i)
{
    const struct bfd_session *s = &b->table.entry[i].session;
    uint32_t first = BFD_FIRST_SESSION_WORD + i * BFD_SESSION_WORD_COUNT;
    put(b, first + BFD_SESSION_LAST_DIAGNOSTIC, s->last_diagnostic);
    put(b, first + BFD_SESSION_REMOTE_DIAGNOSTIC, s->remote_diagnostic);
    put(b, first + BFD_SESSION_FLAPS, s->flaps);
    put(b, first + BFD_SESSION_SENT, s->sent);
    put(b, first + BFD_SESSION_RECEIVED, s->received);
    put(b, first + BFD_SESSION_DISCARDED, s->discarded);
    bool is_news = put(b, first + BFD_SESSION_REMOTE_STATE, s->remote_state);
    is_news |= put(b, first + BFD_SESSION_SEND_INTERVAL_US, bfd_interval_us(s));
    is_news |= put(b, first + BFD_SESSION_DETECTION_US, bfd_detection_us(s));
    is_news |= put(b, first + BFD_SESSION_STATE, s->state);
    is_news |= put(b, first + BFD_SESSION_FAILURES, s->failures);
    is_news |= put(b, first + BFD_SESSION_SEND_ERROR, (uint64_t)-b->slot[i].error);
    is_news |= put(b, first + BFD_SESSION_BEGUN, b->slot[i].begun);
    is_news |= put(b, first + BFD_SESSION_ENDED, b->slot[i].ended);
    b->has_news |= is_news;
}

static void show_speaker(struct bfd *b)
{
    uint64_t unread = 0;
    for (int i = 0; i < 2; i++) {
        b->has_news |= put(b, i == 0 ? BFD_WORD_ERROR4 : BFD_WORD_ERROR6, (uint64_t)-b->receiver[i].error);
        if (b->receiver[i].fd >= 0)
            unread += bfd_unread(b->receiver[i].fd);
    }
    put(b, BFD_WORD_UNREAD, unread);
    for (uint32_t i = 0; i < BFD_DISCARD_COUNT; i++)
        put(b, BFD_WORD_DISCARDS + i, b->table.discards[i]);
}

static void wake_reader(struct bfd *b)
{
    if (b->has_news)
        b->setup.wake(b->setup.context);
    b->has_news = false;
}

/* ---- Sockets ---- */

static void close_socket(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static struct receiver *receiver_of(struct bfd *b, const struct bfd_address *peer)
{
    return &b->receiver[bfd_family(peer) == AF_INET ? 0 : 1];
}

/* A family without sessions keeps no port from anybody. */
static void follow_receivers(struct bfd *b, uint64_t now)
{
    bool is_used[2] = {false, false};
    for (uint32_t i = 0; i < b->table.used; i++)
        if (b->table.entry[i].is_open)
            is_used[receiver_of(b, &b->table.entry[i].peer) - b->receiver] = true;
    for (int i = 0; i < 2; i++) {
        struct receiver *r = &b->receiver[i];
        if (!is_used[i]) {
            close_socket(&r->fd);
            r->error = 0;
            r->retry_ns = 0;
        } else if (r->fd < 0 && now >= r->retry_ns) {
            r->fd = bfd_open_receiver(r->family, b->setup.port);
            r->error = r->fd < 0 ? r->fd : 0;
            r->retry_ns = now + RETRY_NS;
        }
    }
}

/* RFC 5881 4: no two sessions of a system have the same source port. */
static bool is_port_taken(const struct bfd *b, uint16_t port)
{
    for (uint32_t i = 0; i < b->table.used; i++)
        if (b->table.entry[i].is_open && b->slot[i].fd >= 0 && b->slot[i].source_port == port)
            return true;
    return false;
}

/* The port stays the session's own once it has had one. */
static void open_sender(struct bfd *b, struct slot *slot)
{
    for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
        uint16_t port = slot->source_port ? slot->source_port : (uint16_t)(FIRST_SOURCE_PORT + secret_number() % SOURCE_PORTS);
        if (!is_port_taken(b, port)) {
            slot->fd = bfd_open_sender(&slot->local, port);
            slot->error = slot->fd < 0 ? slot->fd : 0;
            slot->source_port = port;
            if (slot->error != -EADDRINUSE)
                return;
        }
        slot->source_port = 0;
    }
}

/* ---- Orders ---- */

static void set_session(struct bfd *b, const struct bfd_order *o)
{
    struct bfd_entry *e = &b->table.entry[o->slot];
    struct slot *slot = &b->slot[o->slot];
    slot->hung_after_ns = o->hung_after_ns;
    if (e->is_open) {
        bfd_configure(&e->session, &o->wants);
        return;
    }
    uint32_t discriminator;
    do
        discriminator = secret_number();
    while (discriminator == 0 || bfd_find_discriminator(&b->table, discriminator) != BFD_NO_SESSION);
    slot->peer_port = o->peer_port;
    slot->local = o->local;
    slot->source_port = 0;
    slot->retry_ns = 0;
    slot->begun++;
    bfd_open(&e->session, &o->wants, discriminator);
    bfd_table_open(&b->table, o->slot, &o->peer);
}

/* Whether to go on. */
static bool take_orders(struct bfd *b, uint64_t now)
{
    struct bfd_order o;
    while (read(b->orders[0], &o, sizeof o) == sizeof o) {
        if (o.kind == BFD_ORDER_END)
            return false;
        if (o.kind == BFD_ORDER_SET)
            set_session(b, &o);
        else if (b->table.entry[o.slot].is_open)
            bfd_leave(&b->table.entry[o.slot].session, now);
    }
    return true;
}

/* ---- Sessions ---- */

static void send_packet(struct bfd *b, uint32_t i, uint64_t now)
{
    struct bfd_entry *e = &b->table.entry[i];
    struct slot *slot = &b->slot[i];
    struct bfd_packet packet;
    uint8_t bytes[BFD_BYTES];
    if (slot->fd < 0 && now >= slot->retry_ns) {
        open_sender(b, slot);
        slot->retry_ns = now + RETRY_NS;
    }
    bfd_compose(&e->session, &packet);
    bfd_encode(&packet, bytes);
    if (slot->fd >= 0)
        slot->error = bfd_send(slot->fd, &e->peer, slot->peer_port, bytes);
    e->session.sent += slot->error == 0;
    bfd_was_sent(&e->session, &packet, now, any_number(b));
}

static void close_session(struct bfd *b, uint32_t i)
{
    close_socket(&b->slot[i].fd);
    b->slot[i].error = 0;
    b->slot[i].ended++;
    bfd_table_close(&b->table, i);
}

/* Does what is due and tells when next. Who cannot hear does not speak: another daemon may have these sessions. */
static uint64_t serve_session(struct bfd *b, uint32_t i, uint64_t now)
{
    struct bfd_entry *e = &b->table.entry[i];
    struct bfd_session *s = &e->session;
    bool is_hung = b->silent_ns > b->slot[i].hung_after_ns;
    bfd_expire(s, now);
    if (s->is_held != is_hung)
        bfd_hold(s, is_hung);
    if (receiver_of(b, &e->peer)->fd < 0) {
        if (s->state == BFD_ADMIN_DOWN)
            close_session(b, i);
        return BFD_NEVER;
    }
    if (s->owes_final)
        send_packet(b, i, now);
    if (now >= bfd_due_ns(s))
        send_packet(b, i, now);
    if (bfd_is_gone(s, now)) {
        close_session(b, i);
        return BFD_NEVER;
    }
    uint64_t farewell_ns = s->state == BFD_ADMIN_DOWN ? s->farewell_until_ns : BFD_NEVER;
    return earlier(farewell_ns, earlier(bfd_due_ns(s), bfd_expires_ns(s)));
}

static uint64_t serve_sessions(struct bfd *b, uint64_t now)
{
    uint64_t next_ns = now + LOOK_NS;
    for (uint32_t i = 0, used = b->table.used; i < used; i++) {
        if (!b->table.entry[i].is_open)
            continue;
        next_ns = earlier(next_ns, serve_session(b, i, now));
        show_session(b, i);
    }
    return next_ns;
}

/* ---- The thread ---- */

static void look_at_beat(struct bfd *b, uint64_t now)
{
    uint64_t beat = atomic_load_explicit(&b->setup.words[BFD_WORD_BEAT], memory_order_relaxed);
    b->silent_ns = beat == b->beat ? b->silent_ns + earlier(now - b->turn_ns, OWN_PAUSE_MAX_NS) : 0;
    b->beat = beat;
    b->turn_ns = now;
}

/* Everything that waited when this turn began, so that what came in time is read before anyone is called silent. */
static void read_all(struct bfd *b, struct receiver *r, uint64_t now)
{
    for (int batch = 0; r->fd >= 0 && batch < BATCHES_A_TURN; batch++) {
        int count = bfd_read(r->fd, &b->inbox);
        for (int i = 0; i < count; i++)
            bfd_table_receive(&b->table, &b->inbox.datagram[i], now);
        if (count < BFD_BATCH)
            return;
        b->is_flooded |= batch == BATCHES_A_TURN - 1;
    }
}

/* Until something arrives, an order comes, or it is time. A flood from the link is read once a millisecond. */
static void wait_until(struct bfd *b, uint64_t when_ns)
{
    uint64_t now = now_ns();
    uint64_t wait_ns = when_ns > now ? when_ns - now : 0;
    if (b->is_flooded)
        wait_ns = earlier(wait_ns, FLOOD_NAP_NS);
    struct timespec timeout = {.tv_sec = (time_t)(wait_ns / 1000000000ull), .tv_nsec = (long)(wait_ns % 1000000000ull)};
    struct pollfd fds[3] = {{.fd = b->orders[0], .events = POLLIN}};
    for (int i = 0; i < 2; i++)
        fds[1 + i] = (struct pollfd){.fd = b->is_flooded ? -1 : b->receiver[i].fd, .events = POLLIN};
    ppoll(fds, 3, &timeout, NULL);
    b->is_flooded = false;
}

static enum bfd_priority raise_priority(void)
{
    struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    if (pthread_setschedparam(pthread_self(), SCHED_RR, &lowest) == 0)
        return BFD_PRIORITY_REAL_TIME;
    return setpriority(PRIO_PROCESS, 0, NICE) == 0 ? BFD_PRIORITY_NICE : BFD_PRIORITY_NORMAL;
}

static void *run(void *argument)
{
    struct bfd *b = argument;
    pthread_setname_np(pthread_self(), "bfd");
    put(b, BFD_WORD_PRIORITY, raise_priority());
    b->turn_ns = now_ns();
    b->has_news = true;
    for (;;) {
        uint64_t now = now_ns();
        for (int i = 0; i < 2; i++)
            read_all(b, &b->receiver[i], now);
        if (!take_orders(b, now))
            return NULL;
        look_at_beat(b, now);
        follow_receivers(b, now);
        uint64_t next_ns = serve_sessions(b, now);
        show_speaker(b);
        wake_reader(b);
        wait_until(b, next_ns);
    }
}

/* ---- From outside ---- */

static void release(struct bfd *b)
{
    for (uint32_t i = 0; i < BFD_SESSIONS_MAX; i++)
        close_socket(&b->slot[i].fd);
    for (int i = 0; i < 2; i++) {
        close_socket(&b->receiver[i].fd);
        close_socket(&b->orders[i]);
    }
    free(b);
}

/* Signals are the main thread's. */
static int start_thread(struct bfd *b)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&b->thread, NULL, run, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int bfd_start(struct bfd **out, const struct bfd_setup *setup)
{
    struct bfd *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    b->setup = *setup;
    b->random = (uint64_t)secret_number() << 32 | 1;
    b->receiver[0] = (struct receiver){.family = AF_INET, .fd = -1};
    b->receiver[1] = (struct receiver){.family = AF_INET6, .fd = -1};
    b->orders[0] = b->orders[1] = -1;
    for (uint32_t i = 0; i < BFD_SESSIONS_MAX; i++)
        b->slot[i].fd = -1;
    int error = pipe2(b->orders, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : start_thread(b);
    if (error < 0)
        release(b);
    else
        *out = b;
    return error;
}

int bfd_order(struct bfd *b, const struct bfd_order *order)
{
    return write(b->orders[1], order, sizeof *order) == sizeof *order ? 0 : -errno;
}

void bfd_stop(struct bfd *b)
{
    const struct bfd_order end = {.kind = BFD_ORDER_END};
    /* The pipe has room within a turn of the thread. */
    while (bfd_order(b, &end) == -EAGAIN)
        sched_yield();
    pthread_join(b->thread, NULL);
    release(b);
}
