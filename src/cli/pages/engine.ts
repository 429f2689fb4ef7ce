// `torii engine`: what carries the node's packets. First each device and why nothing better carries it, then queues and workers.

import { ToriiError } from '../../errors.ts';
import { nearText } from '../../model/near.ts';
import { reasonsOf } from '../../model/queue-reasons.ts';
import type { EngineDeviceView, EngineView, QueueView, RingView, WorkerView } from '../../model/views.ts';
import { type Column, number, type Screen, table } from '../table.ts';
import type { LoadPage } from './page.ts';

export const enginePage: LoadPage = async (client, name) => {
  const view = await client.read('engine');
  const devices = name === null ? view.devices : view.devices.filter(({ device }) => device === name);
  if (name !== null && devices.length === 0) {
    const names = view.devices.map(({ device }) => device);
    throw new ToriiError('not_found', `no device ${name}${nearText(name, names)}`);
  }
  const shown: EngineView = { ...view, devices };
  return {
    json: JSON.stringify(shown),
    text: (screen) => engineText(shown, screen),
    comparable: new Map(devices.map(({ device, queues }) => [device, modeOf(queues)])),
  };
};

function engineText({ devices, workers }: EngineView, screen: Screen): string {
  if (devices.length === 0) return 'no device: this node forwards nothing\n';
  const queues = devices.flatMap(({ device, queues: own }) => own.map((queue) => ({ device, ...queue })));
  return [
    table(deviceColumns, devices, screen),
    ...reasonLines(devices),
    '\n',
    table(queueColumns, queues, screen),
    '\n',
    table(workerColumns, workers, screen),
  ].join('');
}

const deviceColumns: readonly Column<EngineDeviceView>[] = [
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'STATE', cell: ({ state }) => ({ text: state, tone: state === 'up' ? 'good' : 'bad' }) },
  { title: 'ASKED', cell: ({ asked }) => asked },
  { title: 'ENGINE', cell: ({ queues }) => distinct(queues.map(({ engine }) => engine)) || 'none' },
  { title: 'MODE', cell: ({ queues }) => modeOf(queues) },
  { title: 'QUEUES', align: 'right', cell: ({ queues }) => number(queues.length) },
  { title: 'BUSY POLLING', spareable: 1, cell: ({ queues }) => shareOf(queues, ({ busyPolling }) => busyPolling) },
  { title: 'HUGE PAGES', cell: ({ queues }) => shareOf(queues, ({ hugePages }) => hugePages) },
];

function reasonLines(devices: readonly EngineDeviceView[]): readonly string[] {
  const lines = devices.flatMap(({ device, queues }) => {
    // What an engine said when it refused to start begins with the device's name.
    return reasonsOf(queues).map((reason) => `  ${reason.startsWith(`${device}: `) ? '' : `${device}: `}${reason}\n`);
  });
  return lines.length === 0 ? [] : ['\nWhy not better:\n', ...lines];
}

type Queue = QueueView & { readonly device: string };

const queueColumns: readonly Column<Queue>[] = [
  { title: 'DEVICE', cell: ({ device }) => device },
  { title: 'QUEUE', align: 'right', cell: ({ queue }) => number(queue) },
  { title: 'WORKER', align: 'right', cell: ({ worker }) => number(worker) },
  { title: 'RX', align: 'right', cell: ({ rings }) => ringText(rings.rx) },
  { title: 'FILL', align: 'right', spareable: 1, cell: ({ rings }) => ringText(rings.fill) },
  { title: 'TX', align: 'right', cell: ({ rings }) => ringText(rings.tx) },
  { title: 'COMPLETION', align: 'right', spareable: 2, cell: ({ rings }) => ringText(rings.completion) },
  { title: 'STATISTICS', cell: ({ statistics }) => statisticsCell(statistics) },
];

const workerColumns: readonly Column<WorkerView>[] = [
  { title: 'WORKER', align: 'right', cell: ({ worker }) => number(worker) },
  { title: 'CORE', align: 'right', cell: ({ core }) => (core === null ? 'any' : String(core)) },
  {
    title: 'BUSY',
    align: 'right',
    cell: ({ busyRatio }) => ({ text: `${(busyRatio * 100).toFixed(1)} %`, tone: busyRatio > 0.9 ? 'warn' : 'plain' }),
  },
  { title: 'BURST', align: 'right', cell: ({ burstSize }) => (burstSize === null ? '–' : burstSize.toFixed(1)) },
  { title: 'PACKETS', align: 'right', cell: ({ rxPackets }) => number(rxPackets) },
  { title: 'LOST', align: 'right', cell: ({ rxLost }) => ({ text: number(rxLost), tone: rxLost > 0 ? 'bad' : 'plain' }) },
  { title: 'FLOWS', align: 'right', cell: ({ flows }) => number(flows) },
  { title: 'GENERATION', align: 'right', cell: ({ generation }) => number(generation) },
];

/** "XDP native, zero-copy"; both words where queues differ. */
function modeOf(queues: readonly QueueView[]): string {
  return distinct(queues.map(({ xdp, copy }) => (xdp === 'none' ? copy : `XDP ${xdp}, ${copy}`)));
}

function distinct(words: readonly string[]): string {
  return [...new Set(words)].join('; ');
}

function shareOf(queues: readonly QueueView[], has: (queue: QueueView) => boolean): string {
  const count = queues.filter(has).length;
  return count === 0 ? 'no' : count === queues.length ? 'yes' : `${count} of ${queues.length}`;
}

function ringText({ size, used }: RingView): string {
  return size === 0 ? '' : `${number(used)} of ${number(size)}`;
}

/** Packets that were lost, by cause. */
const lossWords = {
  rxDropped: 'dropped on receive',
  rxInvalid: 'invalid on receive',
  txInvalid: 'invalid on send',
  rxRingFull: 'found the RX ring full',
  fillRingEmpty: 'found the fill ring empty',
} as const;

function statisticsCell(statistics: QueueView['statistics']): { text: string; tone: 'plain' | 'warn' } {
  const words = (Object.keys(lossWords) as (keyof typeof lossWords)[]).flatMap((cause) =>
    statistics[cause] === 0 ? [] : [`${number(statistics[cause])} ${lossWords[cause]}`],
  );
  return words.length === 0 ? { text: 'nothing lost', tone: 'plain' } : { text: words.join(', '), tone: 'warn' };
}
