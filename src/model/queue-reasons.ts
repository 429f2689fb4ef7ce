// Why a device's queues run in no better mode, in words for a log line and for operators. Pure.

/** A text for each reason, with the numbers of its queues where others do better. */
export function reasonsOf(queues: readonly { readonly queue: number; readonly reason: string | null }[]): readonly string[] {
  const held = new Map<string, number[]>();
  for (const { queue, reason } of queues) {
    if (reason !== null && reason !== '') held.set(reason, [...(held.get(reason) ?? []), queue]);
  }
  return [...held].map(([reason, own]) =>
    own.length === queues.length ? reason : `queue${own.length === 1 ? '' : 's'} ${own.join(', ')}: ${reason}`,
  );
}
