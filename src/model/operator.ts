// Who asks for a change and with what words, as the CLI tells the API. Pure.

/**
 * Header by which the CLI says which user runs it. On the Unix socket it is believed, because the socket's mode lets in only
 * those who may change anything. The loopback port lets in every process of the host: there it is a claim, and shown as one.
 */
export const operatorHeader = 'torii-operator';

/** Of what operators say with a change: the reason's length, and how long it may hold. */
export const wordBounds = { whyCharacters: 500, forDays: 366 } as const;

const maxLength = 64;
const strange = /[^\w.@+-]/g;

/** What of a name may stand in an audit log. */
export function operatorName(text: string): string {
  return text.replaceAll(strange, '_').slice(0, maxLength);
}

export function isOperatorName(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && text === operatorName(text);
}
