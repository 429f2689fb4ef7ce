// GET /v1/flows from packets to names: the native compiler's flows over an engine that packets went through.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NativeCompiler } from '../../src/control/native-compiler.ts';
import { type DataplaneAddon, loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { capacityFor } from '../../src/dataplane/capacity.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import type { FlowQuery, FlowsView } from '../../src/model/views.ts';
import { a, tcp, tcpVip, udp, udpVip } from '../fixtures/common.ts';
import { desiredOf } from '../support/desired.ts';

const second = 1_000_000_000n;
const nowNs = 5_000n * second;
const desired = desiredOf({ vips: [tcpVip, { vip: udpVip, tenant: 'zed' }] });
const all: FlowQuery = { vip: null, backend: null, source: null, limit: 1000, from: 0 };

describe('the flows of a node', () => {
  let addon: DataplaneAddon;
  let memory: MemoryEngine;
  let compiler: NativeCompiler;

  /** The engine is the memory engine's, its tables the compiler's. */
  function open(flowRecords: boolean): void {
    addon = { ...loadDataplaneAddon(), now: () => nowNs };
    memory = new MemoryEngine({ flowEntries: 1024, flowRecords });
    compiler = new NativeCompiler(addon, memory.engine);
    const draft = compiler.draft(desired);
    addon.load(memory.engine, draft.snapshot, nowNs);
    compiler.keep(draft);
  }
  beforeEach(() => open(true));
  afterEach(() => memory.close());

  const send = (frame: Uint8Array, agoSec = 0): void => {
    memory.run([{ bytes: frame, timeNs: nowNs - BigInt(agoSec) * second }]);
  };
  const flows = (query: Partial<FlowQuery> = {}): FlowsView => {
    const search = compiler.flows({ ...all, ...query }, desired);
    while (search.step());
    return search.view();
  };

  it('have the names of the document, in order of nothing', () => {
    send(tcp('S'), 5);
    send(tcp('A'), 3);
    expect(flows()).toEqual({
      flows: [
        {
          flow: 'tcp 198.51.100.7:40000 203.0.113.10:80',
          vip: tcpVip,
          tenant: 'acme',
          backend: a,
          state: 'established',
          ageSec: 5,
          idleSec: 3,
          packets: 2,
          bytes: tcp('S').length + tcp('A').length,
          worker: 0,
        },
      ],
      next: null,
    });
  });

  it('are narrowed by VIP, backend and client', () => {
    send(tcp('S'));
    send(udp(1));
    const found = (query: Partial<FlowQuery>): readonly string[] => flows(query).flows.map(({ vip }) => vip);
    expect(found({ vip: udpVip })).toEqual([udpVip]);
    expect(found({ backend: a }).length).toBe(2);
    expect(found({ source: '198.51.100.7' }).length).toBe(2);
    expect(found({ source: '198.51.100.8' })).toEqual([]);
    expect(found({ source: '198.51.100.0/24', vip: tcpVip })).toEqual([tcpVip]);
    expect(found({ source: '198.51.101.0/24' })).toEqual([]);
  });

  it('are refused for a VIP or a backend that there is none of', () => {
    expect(() => flows({ vip: '203.0.113.99:80/tcp' })).toThrow('no VIP 203.0.113.99:80/tcp that this node forwards');
    expect(() => flows({ backend: '10.0.2.99' })).toThrow('no backend 10.0.2.99');
  });

  it('are gone when they have expired', () => {
    send(tcp('S'), 11);
    send(udp(1), 9);
    expect(flows().flows.map(({ vip }) => vip)).toEqual([udpVip]);
  });

  it('have no backend any more when that has left the document', () => {
    send(tcp('S'));
    const next = compiler.draft(desiredOf({ vips: [tcpVip], pools: { web: ['10.0.2.99'] } }));
    addon.load(memory.engine, next.snapshot, nowNs);
    compiler.keep(next);
    expect(flows().flows.map(({ vip, backend }) => [vip, backend])).toEqual([[tcpVip, null]]);
  });

  it('are refused where there are no records', () => {
    memory.close();
    open(false);
    expect(() => flows()).toThrow('expected node.flows.records: true');
  });

  it('cost a line for every place of the table, and nothing without records', () => {
    const layout = addon.layout();
    expect(capacityFor(layout, { workers: 1, flowEntries: 1024 }).records).toBe(0);
    expect(addon.view(memory.engine, layout.tables['RECORDS'] ?? -1).byteLength).toBe(1024 * 64);
  });
});
