/** The options of `db export`, and what the parser cannot say of them. */

import { availableParallelism } from 'node:os';
import { HoldfastError } from '../core/errors.ts';
import type { Compression } from '../core/jobs/export-databases/compress.ts';

export interface ExportOptions {
  readonly all?: true;
  readonly account?: readonly string[];
  readonly database?: readonly string[];
  readonly engine?: readonly string[];
  readonly exclude?: readonly string[];
  readonly to?: string;
  readonly toAccounts?: true;
  readonly toStore?: true;
  readonly addin?: string;
  readonly allowPlaintext?: true;
  readonly compress?: Compression;
  readonly format: 'pgdump' | 'plain';
  readonly jobs?: string;
  readonly force?: true;
}

/** @throws USAGE */
export function checkOptions({
  all,
  account,
  database,
  to,
  toAccounts,
  toStore,
  addin,
  allowPlaintext,
  force,
}: ExportOptions): void {
  if (all !== true && account === undefined && database === undefined) {
    throw usage('nothing was asked for', 'Add --all, --account A or --database NAME.');
  }
  if (all === true && account !== undefined) {
    throw usage('--all and --account exclude each other', 'Give one of them.');
  }
  const targets = [to !== undefined, toAccounts === true, toStore === true].filter(Boolean).length;
  if (targets !== 1) {
    throw usage('one target is needed', 'Give one of --to DIR, --to-accounts and --to-store.');
  }
  if (addin !== undefined && toStore !== true) {
    throw usage('--addin names a store', 'Add --to-store, or leave --addin out.');
  }
  if (allowPlaintext === true && toStore !== true) {
    throw usage('--allow-plaintext is about a store', 'Add --to-store, or leave --allow-plaintext out.');
  }
  if (force === true && toStore === true) {
    throw usage('--force is about the space of a directory', 'Leave --force out.');
  }
}

/** Groups in work at once: while one account waits for its server, another compresses. */
export function jobsOf({ jobs }: ExportOptions, concurrency: number): number {
  if (jobs === undefined) return Math.max(concurrency, 2 * availableParallelism());
  const count = Number(jobs);
  if (!Number.isInteger(count) || count < 1 || count > 64) {
    throw usage('--jobs is a number from 1 to 64', 'Leave it out, or give such a number.');
  }
  return count;
}

export const usage = (message: string, hint: string): HoldfastError =>
  new HoldfastError('USAGE', message, { hint });

export function noEngine({ engine }: ExportOptions): HoldfastError {
  if (engine === undefined) {
    return new HoldfastError('CONFIG_INVALID', 'no database server is configured', {
      hint: 'Add it to "databases" in config.json.',
    });
  }
  return usage(
    `no configured database server is ${engine.join(' or ')}`,
    'Name one of "databases" in config.json.',
  );
}
