// Runs of autocannon, as a program of its own for a namespace of its own: `http-load CONNECTIONS SECONDS TURNS kept|fresh URL...`.
// One line of JSON: for each turn what each URL had.
//
// All in one process, turn by turn, so that neither its start nor what else the machine does for some seconds is one URL's only;
// a first turn, in which code is compiled, does not count.
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
  readonly sampleInt: number;
  readonly reconnectRate?: number;
  readonly setupClient: (client: Client) => void;
}) => Promise<Result>;

export interface HttpReport {
  readonly answered: number;
  readonly failed: number;
  readonly seconds: number;
}

/** How often autocannon looks whether its time is over. */
const lookMs = 50;

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;
const [connections = '', seconds = '', turns = '', mode = '', ...urls] = process.argv.slice(2);

async function load(url: string): Promise<HttpReport> {
  let answered = 0;
  let refused = 0;
  const startMs = performance.now();
  const { errors, timeouts } = await autocannon({
    url,
    connections: Number(connections),
    duration: Number(seconds),
    sampleInt: lookMs,
    ...(mode === 'fresh' ? { reconnectRate: 1 } : {}),
    setupClient: (client) => {
      client.on('headers', ({ statusCode }) => {
        if (statusCode === 200) answered++;
        else refused++;
      });
    },
  });
  return { answered, failed: errors + timeouts + refused, seconds: (performance.now() - startMs) / 1000 };
}

/** Who is first has the last one's closed connections behind him; so every other turn goes the other way round. */
async function takeTurn(isReversed: boolean): Promise<readonly HttpReport[]> {
  const reports: HttpReport[] = [];
  for (const url of isReversed ? urls.toReversed() : urls) reports.push(await load(url));
  return isReversed ? reports.reverse() : reports;
}

await takeTurn(false);
const taken: (readonly HttpReport[])[] = [];
for (let i = 0; i < Number(turns); i++) taken.push(await takeTurn(i % 2 === 1));
process.stdout.write(`${JSON.stringify(taken)}\n`);
