// Primes near a number: a Maglev table's size must be prime, so that every skip visits every slot. Pure.

export function isPrime(number: number): boolean {
  if (number < 4) return number >= 2;
  if (number % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) if (number % divisor === 0) return false;
  return true;
}

export const tableSizes = { smallest: 251, largest: 655_373 } as const;

/** "a prime 251..655373 (nearest: 65521 and 65537)": what was expected where this number is no size of a table. */
export function expectedTableSize(number: unknown): string {
  const range = `a prime ${tableSizes.smallest}..${tableSizes.largest}`;
  return typeof number === 'number' ? `${range} (nearest: ${nearestSizes(number).join(' and ')})` : range;
}

/** The largest size below and the smallest above `number`, as far as there are such; both ends are prime. */
function nearestSizes(number: number): readonly number[] {
  const { smallest, largest } = tableSizes;
  // Not-a-number is neither.
  if (!(number > smallest)) return [smallest];
  if (number >= largest) return [largest];
  const search = (from: number, step: number): number => (isPrime(from) ? from : search(from + step, step));
  return [search(Math.ceil(number) - 1, -1), search(Math.floor(number) + 1, 1)];
}
