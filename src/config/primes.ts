// Primes near a number: a Maglev table's size must be prime, so that every skip visits every slot. Pure.

export function isPrime(number: number): boolean {
  if (number < 4) return number >= 2;
  if (number % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) if (number % divisor === 0) return false;
  return true;
}

/** The largest prime below and the smallest above `number`, as far as they lie in min..max. */
export function nearestPrimes(number: number, min: number, max: number): readonly number[] {
  const search = (from: number, step: number): number | undefined => {
    for (let candidate = from; candidate >= min && candidate <= max; candidate += step) if (isPrime(candidate)) return candidate;
    return undefined;
  };
  return [search(number - 1, -1), search(number + 1, 1)].filter((prime) => prime !== undefined);
}
