// A run of autocannon, as a program of its own for a namespace of its own: `http-load URL CONNECTIONS SECONDS kept|fresh`. One
// line of JSON.
//
// autocannon leaves the response before each reconnection out of its statistics, that is all of them where every request has a
// connection of its own. So responses are counted here, as their headers come.

import { createRequire } from 'node:module';

interface Client {
  on(event: 'headers', listener: (head: { readonly statusCode: number }) => void): void;
}

interface Result {
  readonly errors: number;
  readonly timeouts: number;
}

type Autocannon = (options: {
  readonly url: string;
  readonly connections: number;
  readonly duration: number;
  readonly reconnectRate?: number;
  readonly setupClient: (client: Client) => void;
}) => Promise<Result>;

export interface HttpReport {
  readonly answered: number;
  readonly failed: number;
  readonly seconds: number;
}

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;
const [url = '', connections = '', seconds = '', mode = ''] = process.argv.slice(2);

let answered = 0;
let refused = 0;
const startMs = performance.now();
const { errors, timeouts } = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  ...(mode === 'fresh' ? { reconnectRate: 1 } : {}),
  setupClient: (client) => {
    client.on('headers', ({ statusCode }) => {
      if (statusCode === 200) answered++;
      else refused++;
    });
  },
});
const report: HttpReport = {
  answered,
  failed: errors + timeouts + refused,
  seconds: (performance.now() - startMs) / 1000,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
