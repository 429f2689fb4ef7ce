// The JSON of /v1 as zod schemas, from which the OpenAPI document is generated.
//
// Each view's schema is annotated with its type of model/views.ts, so that the compiler refuses one that forgets a
// key. Reads are never passed through these at run time: their bytes come rendered from another thread.

import { z } from 'zod';
import { errorTable } from '../errors.ts';
import type { PeerMessage, PeerStatus } from '../model/peer.ts';
import type {
  BackendView,
  EngineView,
  ExplainView,
  FlowsView,
  PoolView,
  StatusView,
  TenantView,
  VipView,
} from '../model/views.ts';

const count = z.number().int().nonnegative();
const counts = z.record(z.string(), count);
const text = z.string();
const words = text.nullable();
const time = z.iso.datetime();

export const operatorState = z.enum(['active', 'draining', 'disabled']);

const health = z.enum(['unknown', 'up', 'down']);

const traffic = z.strictObject({ packets: count, bytesIn: count, bytesOut: count, newFlows: count });

export const vipView: z.ZodType<VipView> = z
  .strictObject({
    vip: text,
    tenant: text,
    mode: z.enum(['forward', 'local']),
    pool: words,
    activePool: words,
    health: health.nullable(),
    state: z.enum(['announced', 'draining', 'blackhole', 'withheld']),
    reason: words,
    usableBackends: count,
    backends: count,
    traffic,
    drops: counts,
  })
  .meta({ id: 'Vip' });

export const backendView: z.ZodType<BackendView> = z
  .strictObject({
    pool: text,
    address: text,
    weight: count,
    state: operatorState,
    health,
    takesNewFlows: z.boolean(),
    reason: words,
    share: z.number().min(0).max(1),
    nextHop: z.strictObject({ device: text, mac: text, mtuBytes: count }).nullable(),
    traffic,
    resteered: count,
    unreachable: count,
  })
  .meta({ id: 'Backend' });

export const poolView: z.ZodType<PoolView> = z
  .strictObject({
    pool: text,
    tableSize: count,
    usable: z.boolean(),
    backends: count,
    fillChecksum: text,
    tableChecksum: text,
  })
  .meta({ id: 'Pool' });

export const tenantView: z.ZodType<TenantView> = z
  .strictObject({
    tenant: text,
    plan: words,
    cps: z.number().nullable(),
    burst: z.number().nullable(),
    admitted: count,
    limited: count,
    vips: count,
  })
  .meta({ id: 'Tenant' });

const bfdState = z.enum(['adminDown', 'down', 'init', 'up']);

const bfdView = z
  .strictObject({
    state: bfdState,
    remoteState: bfdState,
    uptimeSec: count,
    intervalMs: count,
    multiplier: count,
    sendIntervalMs: z.number().nonnegative(),
    detectTimeMs: z.number().nonnegative().nullable(),
    flaps: count,
    lastDiag: words,
    trouble: words,
    packets: z.strictObject({ sent: count, received: count, discarded: count }),
  })
  .meta({ id: 'Bfd' });

const defaultRouteView = z
  .strictObject({ prefix: text, nextHop: text, asPath: text, communities: z.array(text), at: time })
  .meta({ id: 'DefaultRoute' });

export const peerView: z.ZodType<PeerStatus> = z
  .strictObject({
    address: text,
    as: count,
    state: z.enum(['idle', 'connect', 'active', 'openSent', 'openConfirm', 'established']),
    uptimeSec: z.number().nonnegative(),
    holdTimeSec: z.number().nonnegative(),
    families: z.array(text),
    announced: count,
    flaps: count,
    lastError: z
      .strictObject({ direction: z.enum(['sent', 'received', 'local']), code: count, subcode: count, text, at: time })
      .nullable(),
    bfd: bfdView.nullable(),
    messages: z.strictObject({ sent: counts, received: counts }),
    capabilities: z.strictObject({ sent: z.array(text), received: z.array(text) }).exactOptional(),
    defaultRoutes: z.array(defaultRouteView).exactOptional(),
  })
  .meta({ id: 'Peer' });

export const peerMessageView: z.ZodType<PeerMessage> = z
  .strictObject({
    at: time,
    direction: z.enum(['sent', 'received']),
    bytes: count,
    kind: z.enum(['open', 'update', 'notification', 'keepalive', 'routeRefresh', 'malformed']),
    text,
    hex: text.exactOptional(),
  })
  .meta({ id: 'PeerMessage' });

const overrideView = z.strictObject({
  kind: z.enum(['state', 'weight', 'hold', 'maintenance']),
  target: text,
  value: text,
  by: text,
  at: time,
  until: time.nullable(),
  why: words,
});

const workerView = z.strictObject({
  worker: count,
  device: text,
  engine: text,
  core: count.nullable(),
  busyRatio: z.number().min(0).max(1),
  burstSize: z.number().nonnegative().nullable(),
  generation: count,
  rxPackets: count,
  rxLost: count,
  flows: count,
  verdicts: counts,
});

export const statusView: z.ZodType<StatusView> = z
  .strictObject({
    node: words,
    version: text,
    startedAt: time,
    ready: z.boolean(),
    revision: count,
    generation: count,
    source: text,
    appliedAt: time.nullable(),
    applyMs: z.number().nullable(),
    lastError: z.strictObject({ at: time, message: text }).nullable(),
    warnings: z.array(text),
    vips: z.strictObject({ total: count, announced: count }),
    backends: z.strictObject({ total: count, usable: count }),
    peers: z.strictObject({ total: count, established: count }),
    engine: text,
    workers: z.array(workerView),
    flowTable: z.strictObject({ entries: count, capacity: count, untracked: count, evicted: count }),
    overrides: z.array(overrideView),
  })
  .meta({ id: 'Status' });

const ring = z.strictObject({ size: count, used: count });

const queueView = z
  .strictObject({
    queue: count,
    worker: count,
    engine: text,
    xdp: z.enum(['native', 'generic', 'none']),
    copy: z.enum(['zero-copy', 'copy', 'ring']),
    busyPolling: z.boolean(),
    hugePages: z.boolean(),
    reason: words,
    rings: z.strictObject({ fill: ring, rx: ring, tx: ring, completion: ring }),
    statistics: z.strictObject({
      rxDropped: count,
      rxInvalid: count,
      txInvalid: count,
      rxRingFull: count,
      fillRingEmpty: count,
      txRingEmpty: count,
    }),
  })
  .meta({ id: 'Queue' });

export const engineView: z.ZodType<EngineView> = z
  .strictObject({
    engine: text,
    devices: z.array(
      z.strictObject({
        device: text,
        asked: text,
        state: z.enum(['up', 'forwarding', 'mtu', 'down', 'gone']),
        queues: z.array(queueView),
      }),
    ),
    workers: z.array(workerView),
  })
  .meta({ id: 'Engine' });

export const explainView: z.ZodType<ExplainView> = z
  .strictObject({
    flow: text,
    verdict: z.enum(['forward', 'answer', 'pass', 'drop']),
    reason: words,
    vip: words,
    tenant: words,
    backend: words,
    steps: z.array(z.strictObject({ step: text, result: text })),
  })
  .meta({ id: 'Explanation' });

export const flowsView: z.ZodType<FlowsView> = z
  .strictObject({
    flows: z.array(
      z.strictObject({
        flow: text,
        vip: text,
        tenant: text,
        backend: words,
        state: z.enum(['probation', 'established', 'fin']),
        ageSec: count,
        idleSec: count,
        packets: count,
        bytes: count,
        worker: count,
      }),
    ),
    next: count.nullable(),
  })
  .meta({ id: 'Flows' });

const errorBody = z
  .strictObject({
    error: z.strictObject({
      code: z.enum(Object.keys(errorTable) as [string, ...string[]]),
      message: text,
      detail: z.unknown(),
    }),
  })
  .meta({ id: 'Error' });

export const revisionBody = z.strictObject({ revision: count }).meta({ id: 'Revision' });

/** Answers every route may give besides its own. */
export const errorResponses = { '4xx': errorBody, '5xx': errorBody } as const;
