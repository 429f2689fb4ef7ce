// The one table of errors: code → what it means, HTTP status, CLI exit code.
//
// Everything that fails for a reason an operator can act on is a ToriiError whose message says what was expected,
// what came and where. docs/errors.md is generated from this table; a contract test compares both. Pure.

interface ErrorKind {
  readonly httpStatus: number;
  readonly exitCode: number;
  readonly meaning: string;
}

export const errorTable = {
  usage: { httpStatus: 400, exitCode: 64, meaning: 'the command line is not understood' },
  capture_invalid: { httpStatus: 400, exitCode: 1, meaning: 'the capture is unreadable, of another kind, damaged or cut off' },
  output_failed: { httpStatus: 500, exitCode: 1, meaning: 'a file cannot be written' },
  config_invalid: { httpStatus: 400, exitCode: 2, meaning: 'the document breaks a rule; the last good one stays' },
  config_unreadable: { httpStatus: 500, exitCode: 2, meaning: 'the document cannot be read' },
  secret_unreadable: { httpStatus: 500, exitCode: 2, meaning: 'a secret that the document names cannot be read' },
  config_guarded: { httpStatus: 409, exitCode: 3, meaning: 'the document would lose more than half of the VIPs or backends' },
  restart_needed: { httpStatus: 409, exitCode: 3, meaning: 'the document changes what only a restart of torii can' },
  revision_stale: { httpStatus: 409, exitCode: 3, meaning: 'the change was made against an older revision' },
  not_found: { httpStatus: 404, exitCode: 4, meaning: 'no VIP, backend, pool, tenant or peer of that name' },
  not_here: { httpStatus: 409, exitCode: 4, meaning: 'the document does not ask this node for that' },
  bad_request: { httpStatus: 400, exitCode: 64, meaning: 'a parameter of the request is not understood' },
  method_not_allowed: { httpStatus: 405, exitCode: 64, meaning: 'the API has the path, but not for that method' },
  body_too_large: { httpStatus: 413, exitCode: 64, meaning: 'the body of a request is larger than any change needs' },
  body_unsupported: { httpStatus: 415, exitCode: 64, meaning: 'the body of a request is not declared as JSON' },
  capture_busy: { httpStatus: 409, exitCode: 3, meaning: 'a capture of this node is under way; there is one at a time' },
  api_unreachable: { httpStatus: 502, exitCode: 5, meaning: 'no torii answers at that address' },
  not_ready: { httpStatus: 503, exitCode: 5, meaning: 'the daemon has no applied document yet' },
  no_privilege: { httpStatus: 500, exitCode: 77, meaning: 'a capability or device permission is missing' },
  device_unknown: { httpStatus: 500, exitCode: 6, meaning: 'a network device of the document does not exist' },
  device_unusable: { httpStatus: 500, exitCode: 6, meaning: 'a network device cannot carry the engine' },
  address_in_use: { httpStatus: 500, exitCode: 7, meaning: 'a port or socket is taken by another process' },
  snapshot_invalid: { httpStatus: 500, exitCode: 70, meaning: 'native code refused a snapshot; the old one stays' },
  addon_mismatch: { httpStatus: 500, exitCode: 70, meaning: 'the native addon is missing or of another layout version' },
  capacity: { httpStatus: 400, exitCode: 2, meaning: 'the document is larger than the tables' },
  internal: { httpStatus: 500, exitCode: 70, meaning: 'a defect in torii itself' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorTable;

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(errorTable, text);
}

export class ToriiError extends Error {
  readonly code: ErrorCode;
  /** Machine-readable particulars, e.g. the list of document problems. */
  readonly detail: unknown;

  constructor(code: ErrorCode, message: string, options: { readonly detail?: unknown; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ToriiError';
    this.code = code;
    this.detail = options.detail;
  }

  get httpStatus(): number {
    return errorTable[this.code].httpStatus;
  }

  get exitCode(): number {
    return errorTable[this.code].exitCode;
  }
}

/** The message of anything thrown, for logs and for wrapping. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
