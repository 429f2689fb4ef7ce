// The speaker as a process of its own, so that a test can kill it, stop it and put it into a network namespace.
//
// argv[2] is the SpeakerConfig as JSON. Each line on stdin is a command {"set": Advertisement[]}, {"configure": config} or
// {"close": graceful}; each line on stdout is a PeerStatus[] or {"log": …}.

import { createInterface } from 'node:readline';
import { RemoteSpeaker } from '../../../src/bgp/remote-speaker.ts';
import type { Advertisement, SpeakerConfig } from '../../../src/model/peer.ts';

type Command = { readonly set: readonly Advertisement[] } | { readonly configure: SpeakerConfig } | { readonly close: boolean };

const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const speaker = new RemoteSpeaker(JSON.parse(process.argv[2] ?? '') as SpeakerConfig, {
  onPeers: say,
  onLog: (log) => say({ log }),
});

createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as Command;
  if ('set' in command) speaker.set(command.set);
  else if ('configure' in command) speaker.configure(command.configure);
  else void speaker.close(command.close).then(() => process.exit(0));
});
