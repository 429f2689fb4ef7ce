// Entry of the bgp worker thread: the speaker, and its conversation with main.
//
// Never waits for main, and comes before it where processors are short: its niceness is -5 where it may be, between the packet
// workers and everything else. Peer status goes out when something changes, many changes in one turn of the loop as one, and at
// least each second, so that uptime and counters move.

import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { loadDataplaneAddon } from '../dataplane/addon.ts';
import { Counters } from '../dataplane/counters.ts';
import { startBeating } from '../heartbeats.ts';
import type { Advertisement, SpeakerConfig } from '../model/peer.ts';
import { loadNetAddon } from '../net.ts';
import { Bfd } from './bfd.ts';
import { ChosenSpeaker } from './chosen-speaker.ts';
import { systemClock } from './clock.ts';
import { ExabgpSpeaker } from './exabgp-speaker.ts';
import { describeEntry } from './message-words.ts';
import { PathGuard } from './path-guard.ts';
import { BgpSpeaker } from './speaker.ts';
import type { FromWorker, LogEntry, ToWorker } from './thread-messages.ts';

const reportIntervalMs = 1000;
const niceness = -5;

/** Of this thread alone: 0 is the caller, and Linux has a niceness for each thread. */
function comeFirst(): void {
  try {
    setPriority(0, niceness);
  } catch {
    // Without CAP_SYS_NICE or the unit's LimitNICE= it stays as it is.
  }
}

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
  const guard = new PathGuard({ clock: systemClock, announce: (routes) => speaker.set(routes) });
  const ticking = setInterval(report, reportIntervalMs);

  const obey = (message: ToWorker) => {
    switch (message.kind) {
      case 'configure':
        return speaker.configure(message.config);
      case 'set':
        return guard.set(JSON.parse(new TextDecoder().decode(message.json)) as Advertisement[]);
      case 'watch': {
        const counters = new Counters(loadDataplaneAddon(), message.engine);
        return guard.watch(() => counters.heartbeats());
      }
      case 'messages':
        return tell({ kind: 'messages', request: message.request, entries: speaker.messages(message.peer)?.map(describeEntry) });
      case 'leave':
        return void speaker.leave().then(() => tell({ kind: 'left' }));
      case 'close':
        void speaker.close(message.graceful).then(() => {
          clearInterval(ticking);
          guard.close();
          report();
          tell({ kind: 'closed' });
          port.close();
        });
    }
  };
  port.on('message', obey);
  reportSoon();
}

if (parentPort !== null) {
  comeFirst();
  startBeating('bgp');
  run(parentPort, workerData as SpeakerConfig);
}
