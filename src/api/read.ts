// The answers of GET /v1/…: the node's bytes as they are, or one element of a list.

import type { FastifyReply } from 'fastify';
import { ToriiError } from '../errors.ts';
import type { NodeControl, ReadView, Resource } from '../model/views.ts';
import { pickElements } from './pick.ts';

/** Sends the rendered JSON of a resource untouched. */
export async function sendResource(control: NodeControl, resource: Resource, reply: FastifyReply): Promise<FastifyReply> {
  return sendJson(await control.read(resource), reply);
}

export function sendJson(json: Uint8Array, reply: FastifyReply): FastifyReply {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  return reply.header('content-type', 'application/json; charset=utf-8').header('cache-control', 'no-store').send(bytes);
}

type List = Exclude<Resource, 'status' | 'engine'>;
type Element<R extends List> = ReadView[R][number];

interface Wanted<R extends List> {
  readonly resource: R;
  readonly noun: string;
  readonly key: keyof Element<R>;
  readonly name: string;
}

/** Sends the one element of a list whose `key` is `name`, or not_found with what to run instead. */
export async function sendElement<R extends List>(
  control: NodeControl,
  wanted: Wanted<R>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { resource, noun, key, name } = wanted;
  const list = await control.read(resource);
  const [element] = pickElements<Element<R>>(list, JSON.stringify(name), (each) => each[key] === name);
  if (element === undefined) throw new ToriiError('not_found', `no ${noun} ${name}; GET /v1/${resource} lists all`);
  return sendJson(Buffer.from(JSON.stringify(element)), reply);
}
