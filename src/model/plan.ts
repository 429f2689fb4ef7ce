// A plan: a tenant's commercial limits. `cps` is new flows a second, `burst` the bucket's size in flows. Pure.

export interface Plan {
  readonly name: string;
  readonly cps: number;
  readonly burst: number;
  /** Whether the first packet of an unknown UDP flow spends a token, too. */
  readonly udp: boolean;
}
