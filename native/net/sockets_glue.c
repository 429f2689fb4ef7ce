/* Node-API glue of sockets.c. Addresses are text and may have a zone; keys are bytes; descriptors are numbers, and the
 * caller's: whoever passes one that is closed hits another file. */
#include "sockets_glue.h"
#include "net_glue.h"
#include "sockets.h"
#include <net/if.h>
#include <unistd.h>

static bool read_socket_address(napi_env env, napi_value v, uint16_t port, union socket_address *out)
{
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
    int error = read_text(env, v, text, sizeof text) ? socket_address(text, port, out) : -EINVAL;
    if (error == -ENODEV)
        throw_errno(env, text, error);
    else if (error < 0)
        throw_usage(env, "an IP address");
    return error == 0;
}

static napi_value descriptor(napi_env env, int result, const char *failed)
{
    return result < 0 ? throw_errno(env, failed, result) : number(env, result);
}

/* diallingSocket(local) → descriptor */
static napi_value js_dialling_socket(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    union socket_address local;
    const char *failed = "";
    args(env, info, argv);
    if (!read_socket_address(env, argv[0], 0, &local))
        return NULL;
    int fd = tcp_dialling_socket(&local, &failed);
    return descriptor(env, fd, failed);
}

/* listeningSocket(local, port) → descriptor */
static napi_value js_listening_socket(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    union socket_address local;
    const char *failed = "";
    args(env, info, argv);
    if (!read_socket_address(env, argv[0], (uint16_t)as_u32(env, argv[1]), &local))
        return NULL;
    int fd = tcp_listening_socket(&local, &failed);
    return descriptor(env, fd, failed);
}

static napi_value property(napi_env env, napi_value source, const char *name)
{
    napi_value v = NULL;
    napi_get_named_property(env, source, name, &v);
    return v;
}

/* protectSocket(descriptor, {peer, ttl, minTtl, userTimeoutMs, key}) */
static napi_value js_protect_socket(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    union socket_address peer;
    const char *failed = "";
    args(env, info, argv);
    struct tcp_protection p = {
        .ttl = field_u32(env, argv[1], "ttl"),
        .min_ttl = field_u32(env, argv[1], "minTtl"),
        .user_timeout_ms = field_u32(env, argv[1], "userTimeoutMs"),
    };
    p.key = bytes_of(env, property(env, argv[1], "key"), &p.key_bytes);
    if (!read_socket_address(env, property(env, argv[1], "peer"), 0, &peer))
        return NULL;
    int error = tcp_protect((int)as_u32(env, argv[0]), &peer, &p, &failed);
    return error < 0 ? throw_errno(env, failed, error) : NULL;
}

/* setSocketKey(descriptor, peer, key) */
static napi_value js_set_socket_key(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    union socket_address peer;
    const char *failed = "";
    size_t size;
    args(env, info, argv);
    const uint8_t *key = bytes_of(env, argv[2], &size);
    if (!read_socket_address(env, argv[1], 0, &peer))
        return NULL;
    int error = tcp_set_key((int)as_u32(env, argv[0]), &peer, key, size, &failed);
    return error < 0 ? throw_errno(env, failed, error) : NULL;
}

/* synTtl(descriptor) → number, 0: not known */
static napi_value js_syn_ttl(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    return descriptor(env, tcp_syn_ttl((int)as_u32(env, argv[0])), "TCP_SAVED_SYN");
}

/* unacknowledgedBytes(descriptor) → number */
static napi_value js_unacknowledged_bytes(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    return descriptor(env, tcp_unacknowledged((int)as_u32(env, argv[0])), "SIOCOUTQ");
}

/* closeSocket(descriptor) */
static napi_value js_close_socket(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    close((int)as_u32(env, argv[0]));
    return NULL;
}

void export_sockets(napi_env env, napi_value exports)
{
    static const struct glue_function functions[] = {
        {"diallingSocket", js_dialling_socket}, {"listeningSocket", js_listening_socket},
        {"protectSocket", js_protect_socket},   {"setSocketKey", js_set_socket_key},
        {"synTtl", js_syn_ttl},                 {"unacknowledgedBytes", js_unacknowledged_bytes},
        {"closeSocket", js_close_socket},
    };
    export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
