// A backend: one member of one pool. Its identity is (pool, address); weight and state are attributes. Pure.

/** What the operator wants. `draining` keeps flows and takes no new ones; `disabled` takes nothing. */
export type OperatorState = 'active' | 'draining' | 'disabled';

/** What health checks observe. Only `up` takes new flows; without a health check a backend counts as `up`. */
export type Health = 'unknown' | 'up' | 'down';

export const defaultWeight = 100;
export const maxWeight = 65535;

export interface Backend {
  readonly address: string;
  readonly weight: number;
  readonly state: OperatorState;
  /** Overrides the route's MTU towards this backend. */
  readonly mtuBytes?: number;
}

/** `pool/address`, the key of health results and of operator overrides. */
export function backendKey(pool: string, address: string): string {
  return `${pool}/${address}`;
}

/** Where packets for a backend go at layer 2, as the kernel's routes and neighbours say. */
export type NextHop =
  | {
      readonly kind: 'resolved';
      readonly device: string;
      readonly mac: string;
      readonly mtuBytes: number;
      /** The MAC is a gateway's, not the backend's own. */
      readonly isGateway?: boolean;
    }
  /** No MTU is known, unless the document gives one. */
  | { readonly kind: 'unresolved'; readonly reason: string; readonly mtuBytes?: number };
