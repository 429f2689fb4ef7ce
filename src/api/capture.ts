// POST /v1/capture: samples of live packets with their verdicts, as a pcapng that grows until the capture ends or its client goes.
//
// A POST, though it changes nothing: it makes workers do more, shows what clients send, is in the audit log, and is refused to
// pages of other origins, as changes are. Roles, when they come, must ask for "operate".

import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { captureBounds, captureDefaults, captureVerdicts, type RunningCapture } from '../model/capture.ts';
import { type ApiContext, operatorOf, viaOf } from './context.ts';
import { toToriiError } from './failures.ts';
import { errorResponses } from './schemas.ts';

const within = ({ least, most }: { readonly least: number; readonly most: number }) => z.number().int().min(least).max(most);
const text = z.string().min(1).max(100).nullable().default(null);

const body = z.strictObject({
  vip: text.describe('a VIP by its name, or an address or prefix that packets go to, VIP or not'),
  verdicts: z.array(z.enum(captureVerdicts)).max(4).default([]).describe('none: all but pass'),
  reasons: z.array(z.string().max(40)).max(32).default([]).describe('as docs/packet-path.md lists them; none: any'),
  client: text.describe('address or prefix that packets come from'),
  backend: text.describe('by its address'),
  count: within(captureBounds.count).nullable().default(null).describe('ends with so many packets'),
  forSec: within(captureBounds.forSec).default(captureDefaults.forSec).describe('ends after so long'),
  bytes: within(captureBounds.bytes).default(captureDefaults.bytes).describe('ends before the file is larger'),
  sample: within(captureBounds.sample).default(captureDefaults.sample).describe('takes one of so many'),
  ratePerSec: within(captureBounds.ratePerSec).default(captureDefaults.ratePerSec).describe('packets a second at most'),
  snapBytes: within(captureBounds.snapBytes).default(captureDefaults.snapBytes).describe('of each packet at most'),
  withOutput: z.boolean().default(true).describe('each packet as it leaves, too'),
});

const file = {
  200: { description: 'pcapng', content: { 'application/x-pcapng': { schema: z.unknown() } } },
  ...errorResponses,
};

export function captureRoutes({ control, audit }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(
      '/v1/capture',
      { schema: { summary: 'Capture live packets with their verdicts', tags: ['capture'], body, response: file } },
      async (request, reply) => {
        const query = request.body;
        const who = { at: new Date().toISOString(), by: operatorOf(request), via: viaOf(request) };
        const what = { action: 'capture', target: query.vip, before: null, after: query, why: null, forSec: query.forSec };
        try {
          const capture = await control.capture(query);
          audit({ ...who, ...what, outcome: 'applied', revision: null });
          return reply
            .header('content-type', 'application/x-pcapng')
            .header('cache-control', 'no-store')
            .send(readableOf(capture));
        } catch (error) {
          audit({ ...who, ...what, outcome: toToriiError(error).code, revision: null });
          throw error;
        }
      },
    );
  };
}

/** Ends the capture when nobody reads on. */
function readableOf(capture: RunningCapture): Readable {
  return new Readable({
    read() {
      capture.next().then(
        (bytes) => this.push(bytes),
        (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    },
    destroy(error, done) {
      capture.stop();
      done(error);
    },
  });
}
