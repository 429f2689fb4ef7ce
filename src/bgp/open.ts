// OPEN: who the peer is and what it can do (RFC 4271 4.2, 6.2; RFC 6793; RFC 9072; RFC 9234).
//
// Decoding judges the form; judgeOpen() judges the content against what the document says of the peer. The AS that counts
// is the 4-octet one when its capability came along. Pure.

import type { PeerRole } from '../model/peer.ts';
import { type Capability, decodeCapabilities, encodeCapabilities } from './capabilities.ts';
import {
  asTrans,
  bgpVersion,
  capabilitiesParameter,
  errorCode,
  extendedParameters,
  minHoldTimeSec,
  openError,
} from './constants.ts';
import { Cursor, concatBytes, u16Bytes } from './cursor.ts';
import { wireAddress, wireAddressText } from './families.ts';
import { NotificationError } from './notification.ts';
import { roleMismatch } from './roles.ts';

export interface OpenMessage {
  readonly kind: 'open';
  /** The real one, also where My Autonomous System can only say AS_TRANS. */
  readonly as: number;
  readonly holdTimeSec: number;
  /** Dotted quad. */
  readonly routerId: string;
  readonly capabilities: readonly Capability[];
}

/** Body of the message. Without capabilities there is no optional parameter at all, as the oldest speakers want it. */
export function encodeOpen(open: OpenMessage): Uint8Array {
  const capabilities = encodeCapabilities(open.capabilities);
  const twoOctetAs = open.as > 0xffff ? asTrans : open.as;
  const parameters = capabilities.length === 0 ? new Uint8Array(0) : parameterBytes(capabilities);
  return concatBytes([
    Uint8Array.of(bgpVersion, ...u16Bytes(twoOctetAs), ...u16Bytes(open.holdTimeSec)),
    wireAddress(open.routerId),
    parameters.length === 0 ? Uint8Array.of(0) : parameters,
  ]);
}

// Length of all parameters, then the one parameter; RFC 9072's form when one byte cannot count it.
function parameterBytes(capabilities: Uint8Array): Uint8Array {
  const short = capabilities.length + 2;
  const lead =
    short < extendedParameters
      ? [short, capabilitiesParameter, capabilities.length]
      : [
          extendedParameters,
          extendedParameters,
          ...u16Bytes(capabilities.length + 3),
          capabilitiesParameter,
          ...u16Bytes(capabilities.length),
        ];
  return concatBytes([Uint8Array.from(lead), capabilities]);
}

function malformed(): NotificationError {
  return new NotificationError(errorCode.open, openError.unspecific, 'optional parameters of OPEN do not add up');
}

/** `body` has at least 10 bytes: the header's length was checked. @throws NotificationError of code 2. */
export function decodeOpen(body: Uint8Array): OpenMessage {
  const cursor = new Cursor(body, malformed);
  const version = cursor.u8();
  // Before anything else: other versions may have another layout.
  if (version !== bgpVersion) {
    const what = `BGP version: expected ${bgpVersion}, got ${version}`;
    throw new NotificationError(errorCode.open, openError.unsupportedVersion, what, Uint8Array.of(0, bgpVersion));
  }
  const twoOctetAs = cursor.u16();
  const holdTimeSec = cursor.u16();
  const routerId = wireAddressText(cursor.take(4));
  const capabilities = decodeParameters(cursor);
  const fourOctetAs = capabilities.find((capability) => capability.kind === 'fourOctetAs');
  return { kind: 'open', as: fourOctetAs?.as ?? twoOctetAs, holdTimeSec, routerId, capabilities };
}

function decodeParameters(cursor: Cursor): Capability[] {
  const shortTotal = cursor.u8();
  const rest = cursor.take(cursor.remaining);
  // RFC 9072 2: this type in the first place says it; the short length is then ignored, though it must not be 0.
  const wide = shortTotal !== 0 && rest[0] === extendedParameters;
  cursor = new Cursor(wide ? rest.subarray(1) : rest, malformed);
  const total = wide ? cursor.u16() : shortTotal;
  if (total !== cursor.remaining) throw malformed();
  const capabilities: Capability[] = [];
  while (cursor.remaining > 0) {
    const type = cursor.u8();
    const value = cursor.take(wide ? cursor.u16() : cursor.u8());
    if (type !== capabilitiesParameter) {
      throw new NotificationError(errorCode.open, openError.unsupportedParameter, `optional parameter: expected 2, got ${type}`);
    }
    const decoded = decodeCapabilities(value);
    if (decoded === undefined) throw malformed();
    capabilities.push(...decoded);
  }
  return capabilities;
}

export interface OpenExpectation {
  readonly localAs: number;
  readonly routerId: string;
  readonly peerAs: number;
  /** Our role, where our OPEN said it. */
  readonly role: PeerRole | undefined;
}

/** Whether this OPEN is the configured peer's. @throws NotificationError 2/2, 2/3, 2/6 (RFC 4271 6.2, RFC 6286) or 2/11 (RFC 9234). */
export function judgeOpen(open: OpenMessage, { localAs, routerId, peerAs, role }: OpenExpectation): void {
  if (open.as !== peerAs) {
    throw new NotificationError(errorCode.open, openError.badPeerAs, `peer AS: expected ${peerAs}, got ${open.as}`);
  }
  const internal = localAs === peerAs;
  if (open.routerId === '0.0.0.0' || (internal && open.routerId === routerId)) {
    const what = `BGP identifier of the peer: ${open.routerId} is ${open.routerId === routerId ? 'our own' : 'not valid'}`;
    throw new NotificationError(errorCode.open, openError.badIdentifier, what);
  }
  if (open.holdTimeSec !== 0 && open.holdTimeSec < minHoldTimeSec) {
    const what = `hold time: expected 0 or at least ${minHoldTimeSec}, got ${open.holdTimeSec}`;
    throw new NotificationError(errorCode.open, openError.unacceptableHoldTime, what);
  }
  const mismatch = role === undefined ? undefined : roleMismatch(role, open.capabilities);
  if (mismatch !== undefined) throw new NotificationError(errorCode.open, openError.roleMismatch, mismatch);
}
