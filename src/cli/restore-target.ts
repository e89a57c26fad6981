/** What the options of `holdfast restore` say together: where to, and what excludes what. */

import { HoldfastError } from '../core/errors.ts';
import type { KeyOptions } from './key-input.ts';
import type { RestrictedOptions } from './restricted.ts';
import { percentPath, snapshotPath } from './snapshot-path.ts';

export interface RestoreOptions extends RestrictedOptions, KeyOptions {
  readonly account?: string;
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly path?: readonly string[];
  readonly pathPercent?: readonly string[];
  readonly database?: readonly string[];
  readonly to?: string;
  readonly dryRun?: true;
  readonly resume?: true;
  readonly delete?: true;
  readonly checksum?: true;
}

/** Null: in place. @throws USAGE no target, or options that exclude each other */
export function targetOf(options: RestoreOptions): string | null {
  const { to, inPlace, delete: remove, checksum, database, path, pathPercent } = options;
  const usage = (message: string, hint: string): HoldfastError =>
    new HoldfastError('USAGE', message, { hint });
  if (inPlace === true) {
    if (to !== undefined) throw usage('--in-place and --to exclude each other', 'Leave one of them out.');
    if (database === undefined) return null;
    const others = [remove, checksum, path, pathPercent].some((one) => one !== undefined);
    if (!others) return null;
    throw usage('databases are restored in place by themselves', 'Restore paths by another command.');
  }
  if (remove === true || checksum === true) {
    const option = remove === true ? '--delete' : '--checksum';
    throw usage(`${option} belongs to --in-place`, 'Add --in-place, or leave it out.');
  }
  if (to !== undefined && to !== '') return to;
  throw usage('it is not said where to restore to', 'Add --to DIR, or --in-place.');
}

/** Raw, in the order of the options. @throws USAGE one is empty, which would mean everything: an unset variable */
export function pathsOf({ path = [], pathPercent = [] }: RestoreOptions): Buffer[] {
  const paths = [...path.map(snapshotPath), ...pathPercent.map(percentPath)];
  if (paths.every(({ length }) => length > 0)) return paths;
  throw new HoldfastError('USAGE', 'a path is empty', {
    hint: 'Name a path inside the snapshot, or leave --path out to restore everything.',
  });
}

/** @throws USAGE `--all` with something that narrows it down */
export function checkAll(snapshot: string, options: RestoreOptions): void {
  const others = {
    '--account': options.account,
    '--path': options.path,
    '--path-percent': options.pathPercent,
    '--database': options.database,
    '--in-place': options.inPlace,
    '--dry-run': options.dryRun,
  };
  const given = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (snapshot === 'latest' && given.length === 0) return;
  const without = given.length === 0 ? '' : `, and takes no ${given.join(' and no ')}`;
  throw new HoldfastError('USAGE', `--all restores the latest snapshot of every account, whole${without}`, {
    hint: 'Say `restore latest --all --to DIR`, or leave out --all.',
  });
}
