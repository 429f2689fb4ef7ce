/* A BPF classifier at a device's ingress by traffic control: for kernels that cannot attach one by a descriptor (before Linux 6.6).
 *
 * Such a filter outlives its process. So it is known by priority, handle and name: whoever holds the device's claim may take away what
 * an earlier process left. It comes behind the filters that others have there, and theirs are never touched; nor is a clsact qdisc
 * that they use or have made. Route netlink (rtnetlink(7)), linux/pkt_cls.h; the tool `tc` is not needed. Any thread; a call takes as
 * long as the kernel needs to answer. Devices of the calling thread's network namespace. */
#pragma once
#include "../core/types.h"

/* False: see errno; EEXIST: there is one of ours already, or somebody else's in its place. */
bool clsact_attach(int program_fd, u32 ifindex);

/* Whether one of ours is there: anybody may take it away. Where the kernel does not say, it counts as there. */
bool clsact_is_attached(u32 ifindex);

/* Takes ours away, and the qdisc with it if that was made for it and nothing else hangs there. Whether there was one. */
bool clsact_remove(u32 ifindex);
