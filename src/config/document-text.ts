// Bytes of a document → its text, or where they are no UTF-8. Pure.
//
// Decoders put U+FFFD in the place of what they cannot read: a document in another encoding would pass, with names that nobody wrote.

import { ToriiError } from '../errors.ts';

/** Throws config_invalid, naming the first byte that is wrong, its offset from 0 and its line. */
export function documentText(bytes: Buffer, fileName: string): string {
  const text = bytes.toString('utf8');
  const offset = firstWrong(bytes, text);
  if (offset === undefined) return text;
  const line = bytes.toString('latin1', 0, offset).split('\n').length;
  const byte = (bytes[offset] ?? 0).toString(16).padStart(2, '0');
  const problem = `expected text in UTF-8, got the byte 0x${byte} at offset ${offset} (${fileName}:${line})`;
  throw new ToriiError('config_invalid', problem, { detail: { problems: [problem] } });
}

const replacement = '\ufffd';
const writtenReplacement = Buffer.from(replacement);

/** `text`: as decoded. Undefined where every U+FFFD in it was written. */
function firstWrong(bytes: Buffer, text: string): number | undefined {
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf(replacement); at >= 0; at = text.indexOf(replacement, from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    if (!bytes.subarray(offset, offset + writtenReplacement.length).equals(writtenReplacement)) return offset;
    offset += writtenReplacement.length;
    from = at + 1;
  }
  return undefined;
}
