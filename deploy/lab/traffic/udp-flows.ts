// One UDP packet from each of many source ports, in this order: `node udp-flows.js ADDRESS PORT FIRST COUNT`, run inside the
// client namespace. Ends once all are sent.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [address = '', port = '', first = '', count = ''] = process.argv.slice(2);

for (let i = 0; i < Number(count); i++) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind(Number(first) + i);
  await once(socket, 'listening');
  await new Promise<void>((resolve, reject) => {
    socket.send('flow', Number(port), address, (error) => (error === null ? resolve() : reject(error)));
  });
  socket.close();
}
