// One question to several nodes: every node is asked, the ones that fail are told on standard error, and answers that
// should be equal and are not are warned about.

import { ToriiError } from '../errors.ts';
import type { Client } from './client.ts';
import { failureText } from './failure.ts';
import type { Io } from './io.ts';
import type { Page } from './pages/page.ts';

export interface Answer<T> {
  readonly api: string;
  readonly value: T;
}

/** The answers of the nodes that gave one; `failure` is the first refusal, to end with its exit code. */
export interface Answers<T> {
  readonly given: readonly Answer<T>[];
  readonly failure: ToriiError | null;
}

/** Asks all at once. One node: its failure is thrown as it is. */
export async function askAll<T>(clients: readonly Client[], ask: (client: Client) => Promise<T>, io: Io): Promise<Answers<T>> {
  const settled = await Promise.allSettled(clients.map(ask));
  const given: Answer<T>[] = [];
  let failure: ToriiError | null = null;
  for (const [i, each] of settled.entries()) {
    const api = clients[i]?.api ?? '';
    if (each.status === 'fulfilled') {
      given.push({ api, value: each.value });
    } else {
      if (clients.length === 1 || !(each.reason instanceof ToriiError)) throw each.reason;
      io.err(`${api}: ${failureText(each.reason)}`);
      failure ??= each.reason;
    }
  }
  return { given, failure };
}

/** One sentence for each subject that nodes see differently, at most ten and a count of the others. */
export function differences(pages: readonly Answer<Page>[]): readonly string[] {
  const subjects = new Set(pages.flatMap(({ value }) => [...value.comparable.keys()]));
  const lines: string[] = [];
  for (const subject of subjects) {
    const words = pages.map(({ api, value }) => ({ api, word: value.comparable.get(subject) ?? 'absent' }));
    if (new Set(words.map(({ word }) => word)).size > 1) {
      lines.push(`${subject}: ${words.map(({ api, word }) => `${word} at ${api}`).join('; ')}`);
    }
  }
  return lines.length <= 10 ? lines : [...lines.slice(0, 10), `and ${lines.length - 10} more`];
}
