// The document's schema: every key of the one YAML file, its bounds and its default. The single truth for
// validation, for the published JSON Schema and, by inference, for the type `Document`.
//
// Strict everywhere: an unknown key is an error. Every schema's error text is what was *expected* ("0..65535");
// parse.ts adds the path, the line and what came. Rules between keys are in rules.ts; what this version cannot
// do yet is in unsupported.ts, so that its keys are still checked here. Pure.

import { z } from 'zod';
import { type Family, familyOf, type Prefix, parseAddress, parsePrefix, parseScopedAddress } from '../model/address.ts';
import { defaultWeight, maxWeight } from '../model/backend.ts';
import { defaultTimeouts, parsePorts } from '../model/vip.ts';
import { expectedTableSize, tableSizes } from './primes.ts';

const maxSec = 7 * 86_400;
const max32 = 0xffffffff;

const onlyKeys = 'only the keys ';

/** The keys that such an expectation lists. */
export function keysOf(expected: string): readonly string[] {
  return expected.slice(onlyKeys.length).split(', ');
}

function object<Shape extends z.core.$ZodShape>(shape: Shape) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `${onlyKeys}${keys}` : 'a mapping'),
  });
}

function integer(min: number, max: number, error: string | ((issue: { input?: unknown }) => string) = `${min}..${max}`) {
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

function word<const Words extends readonly string[]>(...words: Words) {
  return z.enum(words, { error: words.length === 1 ? `${words[0]}` : `one of ${words.join(', ')}` });
}

function pattern(regex: RegExp, error: string) {
  return z.string({ error }).regex(regex, { error });
}

/** Text that `accepts` finds well-formed; JSON Schema can only say that it is text, so `format` names it for editors. */
function text(accepts: (value: string) => boolean, error: string, format: string) {
  return z.string({ error }).refine(accepts, { error }).meta({ format });
}

function list<Item extends z.ZodType>(item: Item) {
  return z.array(item, { error: 'a list' });
}

const flag = z.boolean({ error: 'true or false' });
const name = pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name of up to 63 letters, digits, ".", "_" or "-"');
const address = text((value) => parseAddress(value) !== undefined, 'an IPv4 or IPv6 address', 'ip');
const linkAddress = text(
  (value) => parseScopedAddress(value) !== undefined,
  'an IPv4 or IPv6 address, a link-local one with its device, like fe80::1%eth0',
  'ip',
);
const prefix = text(
  (value) => value.includes('/') && parsePrefix(value) !== undefined,
  'a prefix without host bits, like 203.0.113.0/24',
  'ip-prefix',
);
const prefixOf = (family: Family, error: string) =>
  text((value) => value.includes('/') && familyIn(parsePrefix(value)) === family, error, 'ip-prefix');
const familyIn = (found: Prefix | undefined): Family | undefined => (found === undefined ? undefined : familyOf(found.address));
const vipAddress = text((value) => parsePrefix(value) !== undefined, 'an address, or a prefix without host bits', 'ip-prefix');
const port = integer(1, 65535);
const filePath = pattern(/^\/./, 'an absolute path');

const secret = z.union(
  [
    object({ file: filePath }),
    object({ env: pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable') }),
    object({ credential: pattern(/^[A-Za-z0-9._-]+$/, 'the name of a systemd credential') }),
  ],
  { error: '{ file: PATH }, { env: NAME } or { credential: NAME }; secrets are never inline' },
);

const colonNumbers = (count: number, max: number) => (value: string) => {
  const parts = value.split(':');
  return parts.length === count && parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) <= max);
};

// Together with the longest path they leave most of the shortest BGP message to the routes.
const maxCommunities = 128;
const maxLargeCommunities = 64;

const policyKeys = {
  communities: list(text(colonNumbers(2, 65535), 'a community like "65000:100", both 0..65535', 'bgp-community'))
    .max(maxCommunities, { error: `at most ${maxCommunities} communities` })
    .optional(),
  largeCommunities: list(
    text(colonNumbers(3, max32), `a large community like "65000:1:2", each 0..${max32}`, 'bgp-large-community'),
  )
    .max(maxLargeCommunities, { error: `at most ${maxLargeCommunities} large communities` })
    .optional(),
  med: integer(0, max32).optional(),
  localPref: integer(0, max32).optional(),
  prepend: integer(0, 64).optional(),
};

const peer = object({
  address: linkAddress,
  port: port.default(179),
  as: integer(1, max32),
  localAddress: linkAddress.optional(),
  passive: flag.default(false),
  holdTimeSec: integer(0, 65535, '0 or 3..65535')
    .refine((sec) => sec === 0 || sec >= 3, { error: '0 or 3..65535' })
    .default(9),
  connectRetrySec: integer(1, 3600).default(5),
  password: secret.optional(),
  ttlSecurity: integer(1, 254).optional(),
  multihop: integer(1, 255).optional(),
  bfd: object({ intervalMs: integer(50, 60_000).default(100), multiplier: integer(1, 255).default(3) }).optional(),
  families: list(word('ipv4', 'ipv6')).min(1, { error: 'at least one family' }).optional(),
  role: word('provider', 'rs', 'rs-client', 'customer', 'peer').optional(),
  accept: word('default').optional(),
  ...policyKeys,
});

const bgp = object({
  localAs: integer(1, max32),
  routerId: pattern(/^\d{1,3}(\.\d{1,3}){3}$/, 'a dotted quad')
    .refine((value) => parseAddress(value) !== undefined && value !== '0.0.0.0', { error: 'a dotted quad that is not 0.0.0.0' })
    .optional(),
  listen: object({ address: linkAddress, port: port.default(179) }).optional(),
  drainSec: integer(0, 600).default(5),
  speaker: word('built-in', 'exabgp').default('built-in'),
  peers: list(peer).default([]),
});

const answerRate = object({ rate: integer(0, 1_000_000).default(1000), burst: integer(1, 1_000_000).default(200) });

const node = object({
  address: text((value) => parseAddress(value)?.includes(':') === false, 'an IPv4 address', 'ipv4').optional(),
  address6: text((value) => parseAddress(value)?.includes(':') === true, 'an IPv6 address', 'ipv6').optional(),
  devices: list(
    object({
      name: pattern(/^[^\s/:]{1,15}$/, 'the name of a network device, at most 15 characters'),
      engine: word('auto', 'xdp', 'af_xdp', 'af_packet').default('auto'),
      busyPoll: flag.default(false),
    }),
  ).default([]),
  bgp: bgp.optional(),
  entropy: object({
    prefix: prefixOf(4, 'an IPv4 prefix without host bits, like 203.0.113.0/24').optional(),
    prefix6: prefixOf(6, 'an IPv6 prefix without host bits, like 2001:db8::/64').optional(),
  }).optional(),
  flowTable: object({ entries: integer(1024, 268_435_456).default(1_048_576) }).prefault({}),
  flows: object({ records: flag.default(false) }).prefault({}),
  answers: object({
    echo: answerRate.prefault({}),
    tooBig: answerRate.prefault({}),
    timeExceeded: answerRate.prefault({}),
  }).prefault({}),
  api: object({
    socket: filePath.default('/run/torii/api.sock'),
    listen: pattern(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5}$/, 'ADDRESS:PORT, like 127.0.0.1:8470').default(
      '127.0.0.1:8470',
    ),
  }).prefault({}),
  logs: object({
    level: word('trace', 'debug', 'info', 'warn', 'error', 'fatal').default('info'),
    format: word('auto', 'json', 'text').default('auto'),
  }).prefault({}),
});

const probeKeys = {
  via: word('direct', 'tunnel').default('direct'),
  intervalMs: integer(50, 3_600_000).default(1000),
  /** Absent: 500 ms, or the interval if that is shorter. */
  timeoutMs: integer(10, 600_000).optional(),
  rise: integer(1, 100).default(2),
  fall: integer(1, 100).default(3),
  /** Absent: the VIP; of local VIPs only. */
  address: address.optional(),
};

const healthCheck = z.discriminatedUnion(
  'type',
  [
    object({ type: z.literal('tcp'), port, ...probeKeys }),
    object({
      type: z.literal('http'),
      port,
      path: pattern(/^\/[\x21-\x7e]*$/, 'a path of printable ASCII that starts with "/"').default('/'),
      ...probeKeys,
    }),
    object({ type: z.literal('icmp'), ...probeKeys }),
  ],
  { error: 'a mapping with type: one of tcp, http, icmp' },
);

const portEntry = z.union(
  [
    port,
    text((value) => value.includes('-') && parsePorts(value) !== undefined, 'a range of ports like "8000-8100"', 'port-range'),
  ],
  {
    error: 'a port 1..65535, or a range like "8000-8100"',
  },
);

const vip = object({
  address: vipAddress,
  protocol: word('tcp', 'udp').optional(),
  /** Absent: any port. */
  ports: list(portEntry).min(1, { error: 'at least one port, or no "ports" for any' }).optional(),
  pool: name.optional(),
  hash: word('5tuple', 'source', 'destinationPort').default('5tuple'),
  entropy: flag.default(false),
  encap: word('ipip', 'l2').default('ipip'),
  timeouts: object({
    tcpSec: integer(1, maxSec).default(defaultTimeouts.tcpSec),
    finSec: integer(60, maxSec, `at least 60 (a shorter one would break flows that are closing), at most ${maxSec}`).default(
      defaultTimeouts.finSec,
    ),
    udpSec: integer(1, maxSec).default(defaultTimeouts.udpSec),
    probationSec: integer(1, maxSec).default(defaultTimeouts.probationSec),
  }).prefault({}),
  mode: word('forward', 'local').default('forward'),
  healthCheck: healthCheck.optional(),
  blackhole: flag.default(false),
  ...policyKeys,
});

const tenant = object({
  name,
  plan: name.optional(),
  vips: list(vip).default([]),
  announce: list(prefix).optional(),
  ...policyKeys,
});

const backend = object({
  address,
  weight: integer(0, maxWeight).default(defaultWeight),
  state: word('active', 'draining', 'disabled').default('active'),
  mtu: integer(576, 65535).optional(),
});

const pool = object({
  backends: list(backend).default([]),
  tableSize: integer(tableSizes.smallest, tableSizes.largest, ({ input }) => expectedTableSize(input)).default(65537),
  healthCheck: healthCheck.optional(),
  onAllDown: z
    .union([word('withdraw', 'drop', 'failOpen'), object({ pool: name })], {
      error: 'withdraw, drop, failOpen or { pool: NAME }',
    })
    .default('withdraw'),
  minHealthy: integer(1, 100_000).default(1),
});

const plan = object({ cps: integer(1, 100_000_000), burst: integer(1, 100_000_000), udp: flag.default(false) });

export const documentSchema = object({
  version: z.literal(1, { error: 'version 1' }),
  node: node.prefault({}),
  cluster: object({ secret: secret.optional() }).prefault({}),
  plans: z.record(name, plan, { error: 'a mapping of names to plans' }).default({}),
  tenants: list(tenant).default([]),
  pools: z.record(name, pool, { error: 'a mapping of names to pools' }).default({}),
});

/** A document that fits the schema, defaults filled in. */
export type Document = z.output<typeof documentSchema>;
export type DocumentVip = Document['tenants'][number]['vips'][number];
export type DocumentTenant = Document['tenants'][number];
export type DocumentPool = Document['pools'][string];
export type DocumentPeer = z.output<typeof peer>;
export type DocumentCheck = z.output<typeof healthCheck>;
export type SecretRef = z.output<typeof secret>;
