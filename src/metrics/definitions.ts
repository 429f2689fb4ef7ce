// Every metric that torii exports, in one list; docs/metrics.md is generated from it. Pure.
//
// Base units, `_total` on counters, labels bounded by the document: VIP, tenant, pool, backend, peer, worker, reason;
// never anything of a client. Series of a VIP or backend that left the document go with it.

export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
}

const counter = (name: string, labels: readonly string[], help: string): MetricDefinition => ({
  name,
  kind: 'counter',
  help,
  labels,
});
const gauge = (name: string, labels: readonly string[], help: string): MetricDefinition => ({
  name,
  kind: 'gauge',
  help,
  labels,
});

const worker = ['worker', 'device'];
const queue = ['device', 'queue'];
const vip = ['vip', 'tenant'];
const backend = ['pool', 'backend'];
const tenant = ['tenant'];
const pool = ['pool'];
const peer = ['peer'];

export const definitions = {
  buildInfo: gauge('torii_build_info', ['version', 'layout'], 'Always 1: version of torii and of the memory layout.'),
  startTime: gauge('torii_start_time_seconds', [], 'When the daemon started, in seconds since 1970.'),
  ready: gauge(
    'torii_ready',
    [],
    '1 while a document is applied, adopted by every worker, and the packet path, if any, makes progress.',
  ),
  maintenance: gauge('torii_maintenance', [], '1 while the node is in maintenance and announces nothing.'),
  overrides: gauge('torii_overrides', [], "Operators' words at run time that win over the document."),
  revision: gauge('torii_revision', [], 'Revision of the document in force.'),
  generation: gauge('torii_generation', [], 'Generation of the snapshot in force.'),
  applies: counter('torii_applies_total', ['result'], 'Documents applied or refused.'),
  applyDuration: gauge('torii_apply_duration_seconds', [], 'Time from change to adoption of the last apply.'),
  eventLoopLag: gauge(
    'torii_event_loop_lag_seconds',
    ['thread', 'quantile'],
    'Delay of the event loop over the last period; quantile 1 is the worst.',
  ),
  renderDuration: gauge('torii_metrics_render_duration_seconds', [], 'Time that the previous rendering of this page took.'),

  workerInfo: gauge('torii_worker_info', [...worker, 'engine'], 'Always 1: the engine a worker uses.'),
  workerGeneration: gauge('torii_worker_generation', worker, 'Generation of the snapshot that the worker has adopted.'),
  workerReceivedPackets: counter('torii_worker_received_packets_total', worker, 'Packets received; the sum of all verdicts.'),
  workerReceivedBytes: counter(
    'torii_worker_received_bytes_total',
    worker,
    'Bytes of frames received, Ethernet header included.',
  ),
  workerSentPackets: counter('torii_worker_sent_packets_total', worker, 'Packets sent: forwarded and answered.'),
  workerSentBytes: counter('torii_worker_sent_bytes_total', worker, 'Bytes of frames sent, Ethernet and outer headers included.'),
  workerVerdicts: counter('torii_worker_verdicts_total', [...worker, 'verdict', 'reason'], 'Packets by verdict and reason.'),
  workerBursts: counter('torii_worker_bursts_total', worker, 'Bursts; received packets by bursts is the mean burst size.'),
  workerBusy: counter('torii_worker_busy_seconds_total', worker, 'Time spent on packets; its rate is the busy ratio.'),
  workerReceiveLost: counter('torii_worker_receive_lost_packets_total', worker, 'Packets that the receive ring had no room for.'),
  workerSendErrors: counter('torii_worker_send_errors_total', worker, 'Packets that the device refused to send.'),
  flows: gauge('torii_flows', worker, 'Entries of the flow table in use.'),
  flowCapacity: gauge('torii_flow_table_capacity', worker, 'Entries that the flow table has.'),
  newFlows: counter('torii_flows_new_total', worker, 'Flows entered into the table.'),
  untracked: counter('torii_flows_untracked_total', worker, 'Packets steered by hash alone, for want of room in the table.'),
  evicted: counter('torii_flows_evicted_total', worker, 'Entries displaced before they expired.'),
  resteered: counter('torii_flows_resteered_total', worker, 'Packets of known flows whose backend was gone.'),

  engineInfo: gauge(
    'torii_engine_info',
    ['device', 'engine', 'mode'],
    'Always 1: what carries the packets of a device; mode is native or generic and zero-copy or copy, or ring.',
  ),
  ringUsed: gauge('torii_queue_ring_entries', [...queue, 'ring'], 'Entries of a ring of the queue that are in use.'),
  ringSize: gauge('torii_queue_ring_size', [...queue, 'ring'], 'Entries that a ring of the queue has.'),
  queueStatistics: counter(
    'torii_queue_statistics_total',
    [...queue, 'statistic'],
    'XDP_STATISTICS of the queue: packets lost by cause, and tx_ring_empty, when the kernel found nothing to send; of af_packet rx_dropped alone.',
  ),

  vipAnnounced: gauge('torii_vip_announced', vip, '1 while the VIP is announced to one BGP peer at least.'),
  vipBlackholed: gauge('torii_vip_blackholed', vip, '1 where the document says blackhole: routers discard its packets.'),
  vipUp: gauge('torii_vip_up', vip, "1 up, 0 down: a local VIP's service, by health check; absent while unknown."),
  vipChecks: counter('torii_vip_checks_total', ['vip', 'result'], "Probes of a local VIP's service by result."),
  vipCheckLatency: gauge('torii_vip_check_latency_seconds', ['vip'], 'Time the latest conclusive probe of it took.'),
  vipReceivedPackets: counter('torii_vip_received_packets_total', vip, 'Packets to the VIP.'),
  vipReceivedBytes: counter('torii_vip_received_bytes_total', vip, 'Bytes of frames to the VIP, Ethernet header included.'),
  vipSentPackets: counter('torii_vip_sent_packets_total', vip, 'Packets forwarded or answered for the VIP.'),
  vipSentBytes: counter(
    'torii_vip_sent_bytes_total',
    vip,
    'Bytes of frames forwarded or answered, Ethernet and outer headers included.',
  ),
  vipDropped: counter(
    'torii_vip_dropped_packets_total',
    [...vip, 'reason'],
    'Packets dropped; reasons that never happened have no series.',
  ),
  vipNewFlows: counter('torii_vip_new_flows_total', vip, 'New flows.'),
  vipUntracked: counter('torii_vip_untracked_total', vip, 'Packets steered by hash alone.'),
  vipEvicted: counter('torii_vip_evicted_total', vip, 'Flows displaced from the table by flows of this VIP.'),
  vipResteered: counter('torii_vip_resteered_total', vip, 'Packets of known flows whose backend was gone.'),

  backendUp: gauge('torii_backend_up', backend, '1 up, 0 down, by health check; absent while unknown.'),
  backendTakesNewFlows: gauge('torii_backend_takes_new_flows', backend, '1 while new flows may choose the backend.'),
  backendWeight: gauge('torii_backend_weight', backend, 'Weight in force.'),
  backendPackets: counter('torii_backend_packets_total', backend, 'Packets forwarded to the backend.'),
  backendReceivedBytes: counter(
    'torii_backend_received_bytes_total',
    backend,
    'Bytes of frames received for the backend, Ethernet header included.',
  ),
  backendSentBytes: counter(
    'torii_backend_sent_bytes_total',
    backend,
    'Bytes of frames sent to the backend, Ethernet and outer headers included.',
  ),
  backendNewFlows: counter('torii_backend_new_flows_total', backend, 'New flows given to the backend.'),
  backendResteered: counter('torii_backend_resteered_total', backend, 'Packets of known flows that were moved to this backend.'),
  backendUnreachable: counter(
    'torii_backend_unreachable_total',
    backend,
    'ICMP errors (unreachable, time exceeded) about encapsulated packets on their way to the backend.',
  ),
  checks: counter('torii_backend_checks_total', [...backend, 'result'], 'Health probes by result: passed, failed, inconclusive.'),
  checkLatency: gauge('torii_backend_check_latency_seconds', backend, 'Time the latest conclusive probe took.'),

  poolUsable: gauge('torii_pool_usable', pool, '1 while the pool has enough backends that take new flows.'),
  poolSlots: gauge('torii_pool_table_slots', pool, "Slots of the pool's table."),
  poolFillChecksum: gauge(
    'torii_pool_fill_checksum',
    pool,
    'Upper 52 bits of the checksum of the filled table; equal on every node.',
  ),
  poolTableChecksum: gauge('torii_pool_table_checksum', pool, 'Upper 52 bits of the checksum of the table in force.'),

  tenantAdmitted: counter('torii_tenant_admitted_total', tenant, 'New flows admitted by the plan.'),
  tenantLimited: counter('torii_tenant_limited_total', tenant, 'Packets dropped by the plan (cps_limited).'),
  tenantPlanCps: gauge('torii_tenant_plan_cps', tenant, "The plan's new flows a second; absent when unlimited."),
  tenantPlanBurst: gauge('torii_tenant_plan_burst', tenant, "The plan's burst in new flows; absent when unlimited."),

  sessionUp: gauge('torii_bgp_session_up', peer, '1 while the session is established.'),
  sessionState: gauge('torii_bgp_session_state', [...peer, 'state'], '1 for the state the session is in, 0 for the others.'),
  sessionUptime: gauge('torii_bgp_session_uptime_seconds', peer, 'Time since the session was established; 0 while it is not.'),
  sessionFlaps: counter('torii_bgp_session_flaps_total', peer, 'How often an established session was lost.'),
  prefixesAnnounced: gauge('torii_bgp_prefixes_announced', peer, 'Prefixes announced to the peer.'),
  bgpMessages: counter('torii_bgp_messages_total', [...peer, 'direction', 'type'], 'BGP messages sent and received.'),
  bfdUp: gauge('torii_bfd_session_up', peer, '1 while BFD is up; absent without BFD.'),
  bfdFlaps: counter('torii_bfd_session_flaps_total', peer, 'How often BFD was up and then no longer.'),
  bfdDetectTime: gauge(
    'torii_bfd_detect_time_seconds',
    peer,
    'Silence of the peer that ends the BFD session, as agreed; absent while it is not heard.',
  ),
  bfdPackets: counter('torii_bfd_packets_total', [...peer, 'direction'], 'BFD packets sent and accepted.'),
  bfdDiscarded: counter(
    'torii_bfd_discarded_packets_total',
    ['reason'],
    'BFD packets discarded; kernel: hop limit below 255, or no room in the socket.',
  ),
} as const satisfies Record<string, MetricDefinition>;

export type MetricId = keyof typeof definitions;
