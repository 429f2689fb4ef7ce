import { describe, expect, it } from 'vitest';
import { definitions } from '../../../src/metrics/definitions.ts';
import { Exposition } from '../../../src/metrics/exposition.ts';
import { directory, FixedCounters, state, worker } from './fixtures.ts';

function whole(counters: FixedCounters | null = new FixedCounters()): Exposition {
  const exposition = new Exposition({ version: '0.1.0', layoutVersion: 1, counters, now: () => 0 });
  exposition.setDirectory(directory);
  exposition.setState(state);
  return exposition;
}

/** Series → value. */
async function rendered(exposition: Exposition): Promise<ReadonlyMap<string, number>> {
  const lines = (await exposition.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

describe('the exposition', () => {
  it('has a series of every defined metric when everything is known', async () => {
    const names = new Set([...(await rendered(whole())).keys()].map((series) => series.replace(/\{.*/, '')));
    const defined = Object.values(definitions).map(({ name }) => name);
    expect(defined.filter((name) => !names.has(name))).toEqual([]);
    expect([...names].filter((name) => !defined.includes(name as never))).toEqual([]);
  });

  it('puts live counters under the names of the directory', async () => {
    const series = await rendered(whole());
    const vip = 'vip="203.0.113.10:80/tcp",tenant="acme"';
    expect(series.get(`torii_vip_received_packets_total{${vip}}`)).toBe(12);
    expect(series.get(`torii_vip_sent_packets_total{${vip}}`)).toBe(10);
    expect(series.get(`torii_vip_dropped_packets_total{${vip},reason="cps_limited"}`)).toBe(2);
    expect(series.get('torii_backend_packets_total{pool="acme-web",backend="10.0.2.22"}')).toBe(20);
    expect(series.get('torii_backend_unreachable_total{pool="acme-web",backend="10.0.2.22"}')).toBe(2);
    expect(series.get('torii_tenant_limited_total{tenant="acme"}')).toBe(2);
    expect(series.get('torii_worker_busy_seconds_total{worker="0",device="eth0"}')).toBe(2.5);
    expect(series.get('torii_worker_verdicts_total{worker="0",device="eth0",verdict="answer",reason="echo"}')).toBe(1);
  });

  it('says what carries each device, its rings, and what queues lost', async () => {
    const series = await rendered(whole());
    expect(series.get('torii_engine_info{device="eth0",engine="af_xdp",mode="native zero-copy"}')).toBe(1);
    expect(series.get('torii_engine_info{device="eth0",engine="af_packet",mode="ring"}')).toBe(1);
    expect(series.get('torii_queue_ring_entries{device="eth0",queue="3",ring="fill"}')).toBe(2000);
    expect(series.get('torii_queue_ring_size{device="eth0",queue="4",ring="rx"}')).toBe(128);
    expect(series.has('torii_queue_ring_size{device="eth0",queue="4",ring="fill"}')).toBe(false);
    expect(series.get('torii_queue_statistics_total{device="eth0",queue="3",statistic="fill_ring_empty"}')).toBe(5);
    expect(series.get('torii_queue_statistics_total{device="eth0",queue="4",statistic="rx_dropped"}')).toBe(2);
    expect(series.has('torii_queue_statistics_total{device="eth0",queue="4",statistic="fill_ring_empty"}')).toBe(false);
  });

  it('says nothing of a reason that never happened to a VIP, of an unknown health, of no plan', async () => {
    const text = [...(await rendered(whole())).keys()].join('\n');
    expect(text).not.toContain('torii_vip_dropped_packets_total{vip="203.0.113.10:80/tcp",tenant="acme",reason="malformed"}');
    expect(text).not.toContain('torii_backend_up{pool="acme-web",backend="10.0.2.22"}');
    expect(text).not.toContain('torii_tenant_plan_cps{tenant="free"}');
  });

  it('calls a VIP announced while a peer hears of it', async () => {
    const announced = 'torii_vip_announced{vip="203.0.113.10:80/tcp",tenant="acme"}';
    const exposition = whole();
    expect((await rendered(exposition)).get(announced)).toBe(1);
    exposition.setState({ ...state, peers: state.peers.map((peer) => ({ ...peer, state: 'idle' })) });
    expect((await rendered(exposition)).get(announced)).toBe(0);
  });

  it('tells sessions and probes', async () => {
    const series = await rendered(whole());
    expect(series.get('torii_bgp_session_state{peer="10.0.1.1",state="established"}')).toBe(1);
    expect(series.get('torii_bgp_session_state{peer="10.0.1.1",state="idle"}')).toBe(0);
    expect(series.get('torii_bfd_detect_time_seconds{peer="10.0.1.1"}')).toBe(0.9);
    expect(series.get('torii_bfd_discarded_packets_total{reason="stranger"}')).toBe(3);
    expect(series.get('torii_backend_checks_total{pool="acme-web",backend="10.0.2.21",result="passed"}')).toBe(11);
    expect(series.get('torii_backend_check_latency_seconds{pool="acme-web",backend="10.0.2.21"}')).toBe(0.0015);
  });

  it('says nothing of BFD with a peer that has none', async () => {
    const exposition = whole();
    exposition.setState({ ...state, peers: state.peers.map((peer) => ({ ...peer, bfd: null })), bfdDiscards: {} });
    expect([...(await rendered(exposition)).keys()].filter((series) => series.startsWith('torii_bfd_'))).toEqual([]);
  });

  it('tells the health and the probes of a local VIP, and no packets, which torii does not see', async () => {
    const series = await rendered(whole());
    expect(series.get('torii_vip_up{vip="203.0.113.53",tenant="acme"}')).toBe(0);
    expect(series.get('torii_vip_announced{vip="203.0.113.53",tenant="acme"}')).toBe(0);
    expect(series.get('torii_vip_blackholed{vip="203.0.113.53",tenant="acme"}')).toBe(1);
    expect(series.get('torii_vip_blackholed{vip="203.0.113.10:80/tcp",tenant="acme"}')).toBeUndefined();
    expect(series.get('torii_vip_checks_total{vip="203.0.113.53",result="failed"}')).toBe(5);
    expect(series.get('torii_vip_check_latency_seconds{vip="203.0.113.53"}')).toBe(0.002);
    expect(series.has('torii_vip_received_packets_total{vip="203.0.113.53",tenant="acme"}')).toBe(false);
    expect(series.has('torii_vip_up{vip="203.0.113.10:80/tcp",tenant="acme"}')).toBe(false);
  });

  it('gives checksums that differ exactly when the first 52 bits do', async () => {
    const series = await rendered(whole());
    expect(series.get('torii_pool_fill_checksum{pool="acme-web"}')).toBe(2 ** 52 - 1);
    expect(series.get('torii_pool_table_checksum{pool="acme-web"}')).toBe(1);
  });

  it('is the same text until a packet comes or something is set', async () => {
    const counters = new FixedCounters();
    let reads = 0;
    counters.tenant = () => {
      reads += 1;
      return { admitted: 4, limited: 2 };
    };
    const exposition = whole(counters);
    const first = await exposition.text();
    expect(await exposition.text()).toBe(first);
    expect(reads).toBe(2);
    counters.list = [{ ...worker, rxPackets: 13 }];
    expect(await exposition.text()).not.toBe(first);
    expect(reads).toBe(4);
  });

  it('does not add up from one rendering to the next', async () => {
    const exposition = whole();
    const first = await rendered(exposition);
    exposition.setState(state);
    expect(await rendered(exposition)).toEqual(first);
  });

  it('forgets the series of what has left the document', async () => {
    const exposition = whole();
    await exposition.text();
    exposition.setDirectory({ ...directory, vips: [] });
    expect(await exposition.text()).not.toContain('203.0.113.10');
  });

  it('works on a node without a packet path, and before anything is known', async () => {
    expect(await whole(null).text()).toContain('torii_bgp_session_up{peer="10.0.1.1"} 1');
    const empty = new Exposition({ version: '0.1.0', layoutVersion: 1, counters: null, now: () => 0 });
    expect(await empty.text()).toContain('torii_build_info{version="0.1.0",layout="1"} 1');
  });
});

describe('the definitions', () => {
  it('follow Prometheus naming', () => {
    for (const { name, kind, help, labels } of Object.values(definitions)) {
      expect(name).toMatch(/^torii_[a-z0-9_]+$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      expect(name).not.toMatch(/_(ms|milliseconds|kilobytes|percent)(_|$)/);
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
      expect(new Set(labels).size).toBe(labels.length);
    }
  });

  it('name every metric once', () => {
    const names = Object.values(definitions).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
