/* Node-API glue of the host's side: netlink and service helpers. sockets_glue.c has those of TCP,
 * bfd_glue.c BFD.
 *
 * Every JavaScript thread that loads the addon has its own sockets, opened at first use. Addresses are text, MACs are text. */
#include "bfd_glue.h"
#include "channels.h"
#include "features.h"
#include "net_glue.h"
#include "netlink.h"
#include "service.h"
#include "sockets_glue.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DISCARD_PORT 9 /* RFC 863 */

struct instance {
    struct netlink questions, news;
    int probe4, probe6;
};

/* ---- Small helpers over napi ---- */

static napi_value null(napi_env env)
{
    napi_value out;
    napi_get_null(env, &out);
    return out;
}

static napi_value address_text(napi_env env, const struct ip_address *a)
{
    char text[INET6_ADDRSTRLEN];
    return a->family && inet_ntop(a->family, a->bytes, text, sizeof text) ? string(env, text) : null(env);
}

static napi_value mac_text(napi_env env, const uint8_t *mac)
{
    char text[18];
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return string(env, text);
}

static bool read_address(napi_env env, napi_value v, struct ip_address *out)
{
    char text[INET6_ADDRSTRLEN + 1];
    if (!read_text(env, v, text, sizeof text))
        return false;
    out->family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(out->family, text, out->bytes) == 1;
}

static napi_value first_argument(napi_env env, napi_callback_info info)
{
    size_t argc = 1;
    napi_value argv[1];
    napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
    return argv[0];
}

static struct instance *instance_of(napi_env env)
{
    void *data;
    napi_get_instance_data(env, &data);
    return data;
}

/* ---- Links, neighbours, routes ---- */

/* A JavaScript array under construction. */
struct list {
    napi_env env;
    napi_value array;
    uint32_t length;
};

static struct list new_list(napi_env env)
{
    struct list l = {.env = env};
    napi_create_array(env, &l.array);
    return l;
}

static void push(struct list *l, napi_value v)
{
    napi_set_element(l->env, l->array, l->length++, v);
}

static void push_link(void *context, const struct link *link)
{
    struct list *l = context;
    napi_handle_scope scope;
    napi_open_handle_scope(l->env, &scope);
    napi_value o = object(l->env);
    set(l->env, o, "name", string(l->env, link->name));
    set(l->env, o, "ifindex", number(l->env, link->ifindex));
    set(l->env, o, "mac", mac_text(l->env, link->mac));
    set(l->env, o, "mtuBytes", number(l->env, link->mtu));
    set(l->env, o, "isUp", boolean(l->env, link->is_up));
    set(l->env, o, "kind", string(l->env, link->kind));
    set(l->env, o, "master", number(l->env, link->master));
    set(l->env, o, "lower", number(l->env, link->lower));
    push(l, o);
    napi_close_handle_scope(l->env, scope);
}

static void push_neighbour(void *context, const struct neighbour *n)
{
    struct list *l = context;
    napi_handle_scope scope;
    napi_open_handle_scope(l->env, &scope);
    napi_value o = object(l->env);
    set(l->env, o, "ifindex", number(l->env, n->ifindex));
    set(l->env, o, "address", address_text(l->env, &n->address));
    set(l->env, o, "mac", n->has_mac ? mac_text(l->env, n->mac) : null(l->env));
    set(l->env, o, "state", number(l->env, n->state));
    push(l, o);
    napi_close_handle_scope(l->env, scope);
}

static int open_questions(struct instance *i)
{
    return i->questions.fd >= 0 ? 0 : netlink_open(&i->questions, 0);
}

/* links() → [{name, ifindex, mac, mtuBytes, isUp, kind, master, lower}] */
static napi_value js_links(napi_env env, napi_callback_info info)
{
    (void)info;
    struct instance *i = instance_of(env);
    struct list l = new_list(env);
    int error = open_questions(i);
    if (error == 0)
        error = netlink_links(&i->questions, push_link, &l);
    return error < 0 ? throw_errno(env, "netlink: links", error) : l.array;
}

/* neighbours() → [{ifindex, address, mac | null, state}] */
static napi_value js_neighbours(napi_env env, napi_callback_info info)
{
    (void)info;
    struct instance *i = instance_of(env);
    struct list l = new_list(env);
    int error = open_questions(i);
    if (error == 0)
        error = netlink_neighbours(&i->questions, push_neighbour, &l);
    return error < 0 ? throw_errno(env, "netlink: neighbours", error) : l.array;
}

/* The kernel says EINVAL for a blackhole route and EACCES for a prohibiting one. */
static const char *route_error(int error)
{
    return error == EINVAL ? "blackhole route" : error == EACCES ? "prohibited by a route" : strerror(error);
}

static napi_value route_value(napi_env env, const struct route *r)
{
    napi_value o = object(env);
    if (r->error) {
        set(env, o, "kind", string(env, "none"));
        set(env, o, "reason", string(env, route_error(r->error)));
        return o;
    }
    set(env, o, "kind", string(env, r->type == RTN_UNICAST ? "unicast" : r->type == RTN_LOCAL ? "local" : "other"));
    set(env, o, "ifindex", number(env, r->ifindex));
    set(env, o, "gateway", address_text(env, &r->gateway));
    set(env, o, "source", address_text(env, &r->source));
    set(env, o, "mtuBytes", r->mtu ? number(env, r->mtu) : null(env));
    if (r->has_encap)
        set(env, o, "hasEncap", boolean(env, true));
    return o;
}

/* routes(addresses) → [{kind: "unicast" | "local" | "other", ifindex, gateway | null, source | null, mtuBytes | null, hasEncap?: true} |
 * {kind: "none", reason}], in order. */
static napi_value js_routes(napi_env env, napi_callback_info info)
{
    napi_value input = first_argument(env, info);
    struct instance *i = instance_of(env);
    uint32_t count = 0;
    if (napi_get_array_length(env, input, &count) != napi_ok)
        return throw_usage(env, "routes: an array of addresses");
    struct ip_address *addresses = calloc(count + 1, sizeof *addresses);
    struct route *answers = calloc(count + 1, sizeof *answers);
    int error = addresses && answers ? open_questions(i) : -ENOMEM;
    for (uint32_t n = 0; n < count && error == 0; n++) {
        napi_value v;
        napi_get_element(env, input, n, &v);
        if (!read_address(env, v, &addresses[n]))
            error = -EINVAL;
    }
    if (error == 0)
        error = netlink_routes(&i->questions, addresses, count, answers);
    struct list l = new_list(env);
    for (uint32_t n = 0; n < count && error == 0; n++)
        push(&l, route_value(env, &answers[n]));
    free(addresses);
    free(answers);
    return error < 0 ? throw_errno(env, "netlink: routes", error) : l.array;
}

/* ---- News ---- */

/* news() → {links, routes, overrun, neighbours: [...]} since the last call; the first call only starts listening and
 * reports an overrun, since everything before it was missed. Never waits. */
static napi_value js_news(napi_env env, napi_callback_info info)
{
    (void)info;
    struct instance *i = instance_of(env);
    struct news news = {0};
    struct list l = new_list(env);
    bool is_first = i->news.fd < 0;
    int error = is_first ? netlink_open(&i->news, NETLINK_NEWS) : 0;
    if (error == 0)
        error = netlink_news(&i->news, &news, push_neighbour, &l);
    if (error < 0)
        return throw_errno(env, "netlink: news", error);
    napi_value o = object(env);
    set(env, o, "links", boolean(env, news.links));
    set(env, o, "routes", boolean(env, news.routes));
    set(env, o, "overrun", boolean(env, news.overrun || is_first));
    set(env, o, "neighbours", l.array);
    return o;
}

/* ---- Probes ---- */

/* Without CAP_NET_ADMIN: an empty datagram to the discard port makes the kernel resolve or confirm the neighbour. */
static void send_probe(struct instance *i, const struct neighbour *n)
{
    int *fd = n->address.family == AF_INET ? &i->probe4 : &i->probe6;
    if (*fd < 0)
        *fd = socket(n->address.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return;
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(DISCARD_PORT), .sin6_scope_id = n->ifindex};
    memcpy(&to4.sin_addr, n->address.bytes, sizeof to4.sin_addr);
    memcpy(&to6.sin6_addr, n->address.bytes, sizeof to6.sin6_addr);
    /* What became of it shows in the neighbour's state. */
    if (n->address.family == AF_INET)
        (void)!sendto(*fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&to4, sizeof to4);
    else
        (void)!sendto(*fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&to6, sizeof to6);
}

static bool read_neighbour(napi_env env, napi_value v, struct neighbour *out)
{
    napi_value address, ifindex;
    return napi_get_named_property(env, v, "address", &address) == napi_ok &&
           napi_get_named_property(env, v, "ifindex", &ifindex) == napi_ok && read_address(env, address, &out->address) &&
           napi_get_value_uint32(env, ifindex, &out->ifindex) == napi_ok;
}

/* probe([{ifindex, address}]): has the kernel resolve or confirm them; the outcome comes as news. */
static napi_value js_probe(napi_env env, napi_callback_info info)
{
    napi_value input = first_argument(env, info);
    struct instance *i = instance_of(env);
    uint32_t count = 0;
    if (napi_get_array_length(env, input, &count) != napi_ok)
        return throw_usage(env, "probe: an array of {ifindex, address}");
    struct neighbour *list = calloc(count + 1, sizeof *list);
    int error = list ? open_questions(i) : -ENOMEM;
    for (uint32_t n = 0; n < count && error == 0; n++) {
        napi_value v;
        napi_get_element(env, input, n, &v);
        if (!read_neighbour(env, v, &list[n]))
            error = -EINVAL;
    }
    if (error == 0)
        error = netlink_use_neighbours(&i->questions, list, count);
    if (error == -EPERM) {
        error = 0;
        for (uint32_t n = 0; n < count; n++)
            send_probe(i, &list[n]);
    }
    free(list);
    return error < 0 ? throw_errno(env, "netlink: probe", error) : NULL;
}

/* ---- Service ---- */

/* notify(text) → whether somebody listens. */
static napi_value js_notify(napi_env env, napi_callback_info info)
{
    char text[1024];
    if (!read_text(env, first_argument(env, info), text, sizeof text))
        return throw_usage(env, "notify: a text of less than 1 KiB");
    int result = service_notify(text);
    return result < 0 ? throw_errno(env, "notify", result) : boolean(env, result == 1);
}

/* hasCapability(name) → boolean */
static napi_value js_has_capability(napi_env env, napi_callback_info info)
{
    char name[32];
    int result = read_text(env, first_argument(env, info), name, sizeof name) ? service_has_capability(name) : -1;
    return result < 0 ? throw_usage(env, "hasCapability: the name of a capability, e.g. net_raw") : boolean(env, result == 1);
}

/* channels(device) → {count, max}, or null where there are none. */
static napi_value js_channels(napi_env env, napi_callback_info info)
{
    char device[32];
    uint32_t count, max;
    if (!read_text(env, first_argument(env, info), device, sizeof device))
        return throw_usage(env, "channels: the name of a network device");
    int result = channels_read(device, &count, &max);
    if (result == -EOPNOTSUPP)
        return null(env);
    if (result < 0)
        return throw_errno(env, "channels", result);
    napi_value out = object(env);
    set(env, out, "count", number(env, count));
    set(env, out, "max", number(env, max));
    return out;
}

/* setChannels(device, count) */
static napi_value js_set_channels(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    char device[32];
    args(env, info, argv);
    uint32_t count = as_u32(env, argv[1]);
    if (!read_text(env, argv[0], device, sizeof device) || count == 0)
        return throw_usage(env, "setChannels: the name of a network device and a number of queues");
    int result = channels_set(device, count);
    return result < 0 ? throw_errno(env, "setChannels", result) : NULL;
}

/* features(device) → {gro, lro, rxVlan}, whether each is on. */
static napi_value js_features(napi_env env, napi_callback_info info)
{
    char device[32];
    uint32_t on;
    if (!read_text(env, first_argument(env, info), device, sizeof device))
        return throw_usage(env, "features: the name of a network device");
    int result = features_read(device, &on);
    if (result < 0)
        return throw_errno(env, "features", result);
    napi_value out = object(env);
    set(env, out, "gro", boolean(env, on & FEATURE_GRO));
    set(env, out, "lro", boolean(env, on & FEATURE_LRO));
    set(env, out, "rxVlan", boolean(env, on & FEATURE_RX_VLAN));
    return out;
}

/* turnOn(device, feature) */
static napi_value js_turn_on(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    char device[32], feature[16];
    args(env, info, argv);
    bool is_read = read_text(env, argv[0], device, sizeof device) && read_text(env, argv[1], feature, sizeof feature);
    uint32_t bit = !is_read                          ? 0
                   : strcmp(feature, "gro") == 0    ? FEATURE_GRO
                   : strcmp(feature, "lro") == 0    ? FEATURE_LRO
                   : strcmp(feature, "rxVlan") == 0 ? FEATURE_RX_VLAN
                                                    : 0;
    if (bit == 0)
        return throw_usage(env, "turnOn: the name of a network device and gro, lro or rxVlan");
    int result = features_turn_on(device, bit);
    return result < 0 ? throw_errno(env, "turnOn", result) : NULL;
}

/* ---- Registration ---- */

static void close_instance(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    struct instance *i = data;
    netlink_close(&i->questions);
    netlink_close(&i->news);
    if (i->probe4 >= 0)
        close(i->probe4);
    if (i->probe6 >= 0)
        close(i->probe6);
    free(i);
}

static napi_value init(napi_env env, napi_value exports)
{
    static const struct glue_function functions[] = {
        {"links", js_links}, {"neighbours", js_neighbours}, {"routes", js_routes},    {"news", js_news},
        {"probe", js_probe}, {"notify", js_notify},         {"hasCapability", js_has_capability},
        {"channels", js_channels}, {"setChannels", js_set_channels}, {"features", js_features}, {"turnOn", js_turn_on},
    };
    struct instance *i = malloc(sizeof *i);
    if (!i)
        return throw_errno(env, "net addon", -ENOMEM);
    *i = (struct instance){.questions = {.fd = -1}, .news = {.fd = -1}, .probe4 = -1, .probe6 = -1};
    napi_set_instance_data(env, i, close_instance, NULL);
    export_sockets(env, exports);
    export_bfd(env, exports);
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

NAPI_MODULE(net, init)
