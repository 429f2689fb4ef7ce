// Entry of the bgp worker thread: the speaker, and its conversation with main.
//
// Never waits for main. Peer status goes out when something changes, many changes in one turn of the loop as one, and at
// least each second, so that uptime and counters move.

import { parentPort, workerData } from 'node:worker_threads';
import type { Advertisement, SpeakerConfig } from '../model/peer.ts';
import { loadNetAddon } from '../net.ts';
import { Bfd } from './bfd.ts';
import { ChosenSpeaker } from './chosen-speaker.ts';
import { systemClock } from './clock.ts';
import { ExabgpSpeaker } from './exabgp-speaker.ts';
import { describeEntry } from './message-words.ts';
import { BgpSpeaker } from './speaker.ts';
import type { FromWorker, LogEntry, ToWorker } from './thread-messages.ts';

const reportIntervalMs = 1000;

function run(port: NonNullable<typeof parentPort>, config: SpeakerConfig): void {
  let reportDue = false;
  const tell = (message: FromWorker) => port.postMessage(message);
  const report = () =>
    tell({ kind: 'peers', peers: speaker.peers(), troubles: speaker.troubles(), bfdDiscards: speaker.bfdDiscards() });
  const reportSoon = () => {
    if (reportDue) return;
    reportDue = true;
    setImmediate(() => {
      reportDue = false;
      report();
    });
  };
  const events = { onChange: reportSoon, onLog: (entry: LogEntry) => tell({ kind: 'log', entry }) };
  const speaker = new ChosenSpeaker(config, (chosen) =>
    chosen.implementation === 'exabgp'
      ? new ExabgpSpeaker(chosen, events)
      : new BgpSpeaker(chosen, {
          ...events,
          liveness: (heard) => new Bfd({ addon: loadNetAddon(), clock: systemClock, events: heard }),
        }),
  );
  const ticking = setInterval(report, reportIntervalMs);

  const obey = (message: ToWorker) => {
    switch (message.kind) {
      case 'configure':
        return speaker.configure(message.config);
      case 'set':
        return speaker.set(JSON.parse(new TextDecoder().decode(message.json)) as Advertisement[]);
      case 'messages':
        return tell({ kind: 'messages', request: message.request, entries: speaker.messages(message.peer)?.map(describeEntry) });
      case 'leave':
        return void speaker.leave().then(() => tell({ kind: 'left' }));
      case 'close':
        void speaker.close(message.graceful).then(() => {
          clearInterval(ticking);
          report();
          tell({ kind: 'closed' });
          port.close();
        });
    }
  };
  port.on('message', obey);
  reportSoon();
}

if (parentPort !== null) run(parentPort, workerData as SpeakerConfig);
