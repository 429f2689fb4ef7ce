// What a peer says as text that operators may read: on terminals, in logs, in JSON. Pure.

// No control characters, no direction marks, no line separators.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** UTF-8 bytes of a peer as text that shows nothing but itself. */
export function printableText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(unprintable, '?');
}
