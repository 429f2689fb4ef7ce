// A router that goes on sending to a VIP until the balancer says goodbye: `node leaving-router.js ADDRESS PORT VIP VIP-PORT`, run in
// the namespace of that address. Prints the kind of everything it is told, a line each; "listening" comes first.

import { createSocket } from 'node:dgram';
import { LoopbackRouter } from './loopback-router.ts';

const everyMs = 5;
const [address = '', port = '', vip = '', vipPort = ''] = process.argv.slice(2);

const router = await LoopbackRouter.listening(address, Number(port));
console.log('listening');
const socket = createSocket('udp4');
socket.on('error', () => undefined);
const sending = setInterval(() => socket.send('packet', Number(vipPort), vip), everyMs);
for (let known = 0; router.told.at(-1)?.kind !== 'end'; known = router.told.length) {
  const seen = known;
  await router.until('more', () => router.told.length > seen, 120_000);
  for (const { kind } of router.told.slice(seen)) {
    // Before anybody else knows of it: not one packet later.
    if (kind === 'notification') clearInterval(sending);
    console.log(kind);
  }
}
clearInterval(sending);
socket.close();
router.close();
