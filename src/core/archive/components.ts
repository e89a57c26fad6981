/**
 * What the body of a manifest says of the parts of an account. docs/format.md, section 5.
 */

import type { Consistency } from '../contracts/database.ts';
import { isHoldfastError } from '../errors.ts';

export interface ComponentError {
  readonly code: string;
  readonly message: string;
  /** How to mend it; absent where nobody knows, and in early snapshots. */
  readonly hint?: string;
}

/** What a snapshot says of why a component failed. */
export function componentErrorOf(error: unknown): ComponentError {
  if (!isHoldfastError(error)) {
    return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
  }
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

export interface TreeComponent {
  readonly type: 'tree';
  readonly name: string;
  readonly state: 'complete' | 'failed';
  readonly error?: ComponentError;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly device: number;
  readonly entries: number;
  readonly bytes: number;
}

export interface BesideRef {
  readonly suffix: string;
  readonly object: number;
  readonly plainBytes: number;
  readonly sha256: string;
}

export interface DatabaseComponent {
  readonly type: 'database';
  readonly name: string;
  readonly instance: string;
  readonly engine: string;
  readonly databases: readonly string[];
  readonly format: 'sql' | 'pgdump';
  readonly state: 'complete' | 'failed';
  readonly error?: ComponentError;
  readonly instant: string | null;
  readonly consistency: Consistency | null;
  readonly lockHeldMs: number;
  /** Tables without transactions that were locked while they were read; absent where there were none. */
  readonly lockedTables?: readonly string[];
  readonly object: number | null;
  readonly plainBytes: number;
  readonly sha256: string | null;
  readonly besides: readonly BesideRef[];
}

export type Component = TreeComponent | DatabaseComponent;

/** Something that was not captured or not captured quietly. Codes: docs/errors.md, "Warnings". */
export interface Warning {
  readonly code: string;
  readonly component: string;
  readonly path?: string;
  readonly pathEncoding?: 'percent';
  readonly message: string;
}
