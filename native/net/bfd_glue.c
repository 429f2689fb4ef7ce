/* Node-API glue of bfd.c: orders in, words out.
 *
 * A speaker is an opaque handle. Its words are an ArrayBuffer that its thread writes into, pinned until the thread is gone.
 * `wake` is called on the JavaScript thread soon after something in them changed; several changes may be one call. A speaker
 * that is not stopped ends with its environment, without a farewell. */
#include "bfd_glue.h"
#include "bfd.h"
#include "net_glue.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>

#define ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + IF_NAMESIZE + 1)

struct binding {
    napi_env env;
    struct bfd *bfd; /* NULL: stopped */
    napi_threadsafe_function wake;
    napi_ref words;
};

/* ---- Start and end ---- */

/* On the BFD thread. A call that still waits tells as well of what came after it. */
static void wake_reader(void *context)
{
    struct binding *b = context;
    napi_call_threadsafe_function(b->wake, NULL, napi_tsfn_nonblocking);
}

static void end_thread(void *context)
{
    struct binding *b = context;
    if (b->bfd)
        bfd_stop(b->bfd);
    b->bfd = NULL;
}

static void release(struct binding *b)
{
    napi_release_threadsafe_function(b->wake, napi_tsfn_abort);
    napi_delete_reference(b->env, b->words);
}

static void stop(struct binding *b)
{
    if (!b->bfd)
        return;
    napi_remove_env_cleanup_hook(b->env, end_thread, b);
    end_thread(b);
    release(b);
}

static void drop(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    struct binding *b = data;
    stop(b);
    free(b);
}

/* Registered after the function that wakes, the hook runs before that one goes: the thread must not outlive it. */
static int start(struct binding *b, uint16_t port, void *words)
{
    struct bfd_setup setup = {.port = port, .words = words, .wake = wake_reader, .context = b};
    int error = bfd_start(&b->bfd, &setup);
    if (error == 0)
        napi_add_env_cleanup_hook(b->env, end_thread, b);
    return error;
}

/* bfdStart(port, wake) → {handle, words: ArrayBuffer} */
static napi_value js_bfd_start(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out = object(env), buffer, handle;
    void *words;
    args(env, info, argv);
    struct binding *b = calloc(1, sizeof *b);
    if (!b)
        return throw_errno(env, "bfdStart", -ENOMEM);
    b->env = env;
    if (napi_create_threadsafe_function(env, argv[1], NULL, string(env, "bfd"), 1, 1, NULL, NULL, NULL, NULL, &b->wake) != napi_ok) {
        free(b);
        return throw_usage(env, "bfdStart: a port and a function");
    }
    napi_unref_threadsafe_function(env, b->wake);
    napi_create_arraybuffer(env, BFD_WORD_COUNT * sizeof(uint64_t), &words, &buffer);
    napi_create_reference(env, buffer, 1, &b->words);
    int error = start(b, (uint16_t)as_u32(env, argv[0]), memset(words, 0, BFD_WORD_COUNT * sizeof(uint64_t)));
    if (error < 0) {
        release(b);
        free(b);
        return throw_errno(env, "bfdStart", error);
    }
    napi_create_external(env, b, drop, NULL, &handle);
    set(env, out, "handle", handle);
    set(env, out, "words", buffer);
    return out;
}

static struct binding *binding_of(napi_env env, napi_value handle)
{
    void *data = NULL;
    napi_get_value_external(env, handle, &data);
    return data;
}

/* bfdStop(handle): at once; the words stay as they are. */
static napi_value js_bfd_stop(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct binding *b = binding_of(env, argv[0]);
    if (!b)
        return throw_usage(env, "bfdStop: what bfdStart gave");
    stop(b);
    return NULL;
}

/* ---- Orders ---- */

static napi_value give_order(napi_env env, napi_value handle, const struct bfd_order *o)
{
    struct binding *b = binding_of(env, handle);
    if (!b || !b->bfd)
        return throw_usage(env, "a BFD speaker that runs");
    int error = bfd_order(b->bfd, o);
    return error < 0 ? throw_errno(env, "BFD order", error) : NULL;
}

/* An IPv6 one may have a zone. */
static bool read_bfd_address(napi_env env, napi_value source, const char *name, struct bfd_address *out)
{
    char text[ADDRESS_TEXT_MAX];
    napi_value v;
    *out = (struct bfd_address){0};
    if (napi_get_named_property(env, source, name, &v) != napi_ok || !read_text(env, v, text, sizeof text))
        return false;
    if (!strchr(text, ':')) {
        out->bytes[10] = out->bytes[11] = 0xff;
        return inet_pton(AF_INET, text, out->bytes + 12) == 1;
    }
    char *zone = strchr(text, '%');
    if (zone) {
        *zone = '\0';
        out->scope = if_nametoindex(zone + 1);
    }
    return inet_pton(AF_INET6, text, out->bytes) == 1 && (!zone || out->scope != 0);
}

/* bfdSet(handle, slot, {peer, local, peerPort, intervalMs, multiplier, hungAfterMs}); local 0.0.0.0 or :: is the kernel's choice. */
static napi_value js_bfd_set(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct bfd_order o = {
        .kind = BFD_ORDER_SET,
        .slot = as_u32(env, argv[1]),
        .peer_port = (uint16_t)field_u32(env, argv[2], "peerPort"),
        .wants = {.interval_us = field_u32(env, argv[2], "intervalMs") * 1000, .multiplier = (uint8_t)field_u32(env, argv[2], "multiplier")},
        .hung_after_ns = (uint64_t)field_u32(env, argv[2], "hungAfterMs") * 1000000,
    };
    if (!read_bfd_address(env, argv[2], "peer", &o.peer) || !read_bfd_address(env, argv[2], "local", &o.local))
        return throw_usage(env, "bfdSet: an address, whose interface exists if it names one");
    if (o.slot >= BFD_SESSIONS_MAX || o.wants.interval_us == 0 || o.wants.multiplier == 0 || o.peer_port == 0)
        return throw_usage(env, "bfdSet: a slot, and peerPort, intervalMs and multiplier above 0");
    return give_order(env, argv[0], &o);
}

/* bfdLeave(handle, slot): says AdminDown, then the slot is free. */
static napi_value js_bfd_leave(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    const struct bfd_order o = {.kind = BFD_ORDER_LEAVE, .slot = as_u32(env, argv[1])};
    return o.slot < BFD_SESSIONS_MAX ? give_order(env, argv[0], &o) : throw_usage(env, "bfdLeave: a slot");
}

/* ---- Words ---- */

static napi_value word_names(napi_env env, const char *const *names, uint32_t count)
{
    napi_value out = object(env);
    for (uint32_t i = 0; i < count; i++)
        set(env, out, names[i], number(env, i));
    return out;
}

static napi_value names(napi_env env, const char *const *texts, uint32_t count)
{
    napi_value out;
    napi_create_array(env, &out);
    for (uint32_t i = 0; i < count; i++)
        napi_set_element(env, out, i, string(env, texts[i]));
    return out;
}

/* bfdLayout() → {speaker: {name: word}, session: {name: word}, discards: [reason], firstDiscard, firstSession, sessionWords, sessions} */
static napi_value js_bfd_layout(napi_env env, napi_callback_info info)
{
    (void)info;
#define WORD_NAME(name, text) text,
    static const char *const speaker[] = {BFD_SPEAKER_WORDS(WORD_NAME)};
    static const char *const session[] = {BFD_SESSION_WORDS(WORD_NAME)};
    static const char *const discards[] = {BFD_DISCARDS(WORD_NAME)};
#undef WORD_NAME
    napi_value out = object(env);
    set(env, out, "speaker", word_names(env, speaker, sizeof speaker / sizeof *speaker));
    set(env, out, "session", word_names(env, session, sizeof session / sizeof *session));
    set(env, out, "discards", names(env, discards, sizeof discards / sizeof *discards));
    set(env, out, "firstDiscard", number(env, BFD_WORD_DISCARDS));
    set(env, out, "firstSession", number(env, BFD_FIRST_SESSION_WORD));
    set(env, out, "sessionWords", number(env, BFD_SESSION_WORD_COUNT));
    set(env, out, "sessions", number(env, BFD_SESSIONS_MAX));
    return out;
}

void export_bfd(napi_env env, napi_value exports)
{
    static const struct glue_function functions[] = {
        {"bfdLayout", js_bfd_layout}, {"bfdStart", js_bfd_start}, {"bfdSet", js_bfd_set},
        {"bfdLeave", js_bfd_leave},   {"bfdStop", js_bfd_stop},
    };
    export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
