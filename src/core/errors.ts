/**
 * The one error type that crosses the SDK boundary.
 *
 * Callers branch on `code`, never on `message`: codes are public API and change only in a major
 * release, messages may be reworded at any time. A plain TypeError still means "the caller has a
 * bug" and carries no code on purpose. `docs/errors.md` has one heading per code; a test keeps both equal.
 */

/**
 * Every code, its process exit status, and whether trying the same thing again can help.
 *
 * Exit bands: 2-99 errors, 100-127 finished with warnings, 128+ signals. 11 and 130 mean what they
 * mean in restic, because operators wrap both tools in one script.
 */
export const errorCodes = {
  USAGE: { exit: 2, retryable: false },
  CONFIG_INVALID: { exit: 3, retryable: false },
  SECRET_UNUSABLE: { exit: 4, retryable: false },
  PREREQUISITE_MISSING: { exit: 5, retryable: false },
  RECIPIENTS_UNUSABLE: { exit: 6, retryable: false },
  ADDIN_REFUSED: { exit: 7, retryable: false },
  STATE_UNWRITABLE: { exit: 8, retryable: true },
  OUTPUT_UNWRITABLE: { exit: 9, retryable: true },
  ACCOUNT_LOCKED: { exit: 11, retryable: true },
  DAEMON_RUNNING: { exit: 12, retryable: true },
  CONFIG_LOCKED: { exit: 13, retryable: true },
  BACKUPS_DISABLED: { exit: 14, retryable: false },
  RUN_UNDER_WAY: { exit: 15, retryable: true },
  ACCOUNT_NOT_FOUND: { exit: 20, retryable: false },
  PANEL_UNREADABLE: { exit: 21, retryable: false },
  TREE_UNREADABLE: { exit: 22, retryable: false },
  DATABASE_UNREACHABLE: { exit: 23, retryable: true },
  EXPORT_FAILED: { exit: 24, retryable: true },
  SNAPSHOT_PARTIAL: { exit: 25, retryable: true },
  RUN_FAILED: { exit: 26, retryable: true },
  COPY_FAILED: { exit: 27, retryable: true },
  DATABASE_NOT_FOUND: { exit: 28, retryable: false },
  RAW_DATABASE_FILES: { exit: 29, retryable: false },
  HOOK_FAILED: { exit: 30, retryable: true },
  WINDOW_CLOSED: { exit: 31, retryable: true },
  BUDGET_EXCEEDED: { exit: 32, retryable: true },
  TREE_OVERLAPS: { exit: 33, retryable: false },
  SNAPSHOT_NOT_FOUND: { exit: 40, retryable: false },
  CHAIN_BROKEN: { exit: 41, retryable: false },
  OBJECT_DAMAGED: { exit: 42, retryable: false },
  OBJECT_MISSING: { exit: 43, retryable: false },
  FORMAT_UNSUPPORTED: { exit: 44, retryable: false },
  PATH_NOT_FOUND: { exit: 45, retryable: false },
  IDENTITY_MISSING: { exit: 46, retryable: false },
  IDENTITY_WRONG: { exit: 47, retryable: false },
  NOT_ENCRYPTED: { exit: 48, retryable: false },
  SNAPSHOT_UNTRUSTED: { exit: 49, retryable: false },
  STORE_UNAVAILABLE: { exit: 50, retryable: true },
  STORE_FULL: { exit: 51, retryable: false },
  STORE_DENIED: { exit: 52, retryable: false },
  STORE_FOREIGN: { exit: 53, retryable: false },
  OBJECT_EXISTS: { exit: 54, retryable: false },
  STORE_UNSOUND: { exit: 55, retryable: false },
  STORE_ENCRYPTED: { exit: 56, retryable: false },
  ADDIN_FAILED: { exit: 57, retryable: true },
  ADDIN_BROKEN: { exit: 58, retryable: false },
  TARGET_NOT_EMPTY: { exit: 60, retryable: false },
  TARGET_UNWRITABLE: { exit: 61, retryable: false },
  RESTORE_INCOMPLETE: { exit: 62, retryable: true },
  IMPORT_FAILED: { exit: 63, retryable: true },
  IMPORT_REFUSED: { exit: 64, retryable: false },
  PRUNE_REFUSED: { exit: 65, retryable: false },
  ERASURE_REFUSED: { exit: 66, retryable: false },
  INTERNAL: { exit: 70, retryable: false },
  FINISHED_WITH_WARNINGS: { exit: 100, retryable: false },
  INTERRUPTED: { exit: 130, retryable: true },
} as const satisfies Record<string, { exit: number; retryable: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

export interface HoldfastErrorOptions {
  cause?: unknown;
  /** What the operator can do next, as one imperative sentence. */
  hint?: string;
}

// Symbol.for, not instanceof: an addin may carry its own copy of this package.
const brand: unique symbol = Symbol.for('holdfast.error') as never;

export class HoldfastError extends Error {
  readonly [brand] = true;
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  override get name(): string {
    return 'HoldfastError';
  }
}

export function isHoldfastError(value: unknown): value is HoldfastError {
  return typeof value === 'object' && value !== null && brand in value;
}

/** Process exit status of an error: its code's, or that of INTERNAL for anything unforeseen. */
export function exitStatusOf(error: unknown): number {
  return isHoldfastError(error) ? errorCodes[error.code].exit : errorCodes.INTERNAL.exit;
}
