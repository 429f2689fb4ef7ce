#define _GNU_SOURCE /* sched_getaffinity */
#include "table_fill.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS_MAX 16

struct round {
    struct table_job *jobs;
    u32 count;
    atomic_uint next;
};

static bool all_take_new(const struct maglev *m)
{
    for (u32 i = 0; i < m->seats; i++)
        if (!m->seat[i].takes_new)
            return false;
    return true;
}

static void fill_one(struct table_job *job)
{
    struct maglev *m = maglev_open(job->members, job->count, job->size, job->key, &job->error);
    if (!m)
        return;
    if (!job->has_filled)
        maglev_fill(m, job->filled);
    job->fill_checksum = maglev_checksum(m, job->filled);
    if (all_take_new(m)) {
        memcpy(job->slots, job->filled, job->size * sizeof *job->slots);
        job->table_checksum = job->fill_checksum;
    } else {
        maglev_refill(m, job->filled, job->slots);
        job->table_checksum = maglev_checksum(m, job->slots);
    }
    maglev_close(m);
}

static void *take_jobs(void *context)
{
    struct round *round = context;
    for (u32 i; (i = atomic_fetch_add(&round->next, 1)) < round->count;)
        fill_one(&round->jobs[i]);
    return NULL;
}

static u32 processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (u32)CPU_COUNT(&set) : 1;
}

void fill_tables(struct table_job *jobs, u32 count)
{
    struct round round = {.jobs = jobs, .count = count};
    pthread_t helper[THREADS_MAX];
    u32 helpers = 0, wanted = processors() < count ? processors() : count;
    while (helpers + 1 < wanted && helpers < THREADS_MAX && pthread_create(&helper[helpers], NULL, take_jobs, &round) == 0)
        helpers++;
    take_jobs(&round);
    while (helpers > 0)
        pthread_join(helper[--helpers], NULL);
}
