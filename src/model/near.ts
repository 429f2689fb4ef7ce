// Names near one that nobody knows, to suggest what was meant. Pure.

const mostSuggested = 3;

/** "; did you mean a or b?", or nothing where no name is near. */
export function nearText(wanted: string, names: readonly string[]): string {
  const limit = Math.max(1, Math.floor(wanted.length / 4));
  const sought = plain(wanted);
  if (sought === '') return '';
  const near = [...new Set(names)]
    .map((name) => ({ name, distance: plain(name).includes(sought) ? 0 : distanceOf(sought, plain(name), limit) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, mostSuggested)
    .map(({ name }) => name);
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
}

/** Without what people and other programs' documents write differently: healthcheck, health_check, healthCheck. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Levenshtein's distance with two neighbours swapped as one step, or more than `limit` as soon as it is sure to be. */
function distanceOf(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  let twoAbove: readonly number[] = [];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? (twoAbove[j - 2] ?? 0) + 1 : changed;
      row.push(Math.min(changed, swapped, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    if (Math.min(...row) > limit) return limit + 1;
    twoAbove = above;
    above = row;
  }
  return above[b.length] ?? 0;
}
