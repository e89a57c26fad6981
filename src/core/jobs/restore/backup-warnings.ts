/**
 * What the backup already said of what is restored now: it could not be read whole, so it cannot come back whole.
 */

import { isWithin } from '../../archive/entry.ts';
import { encodeName } from '../../archive/keys.ts';
import type { DatabaseComponent, Warning } from '../../archive/manifest.ts';
import { printable } from '../../printable.ts';
import type { Snapshot } from '../catalog.ts';
import { exclusionOver } from '../excluded.ts';

/** Warnings that mean: the snapshot has less than the account had, or something that it never had. */
const ofTrees = [
  'unreadable',
  'changed',
  'unstable',
  'other-file-system',
  'too-deep',
  'xattr-unreadable',
  'index-rebuilt',
];
const ofDatabases = [
  'not-locked',
  'view-broken',
  'table-not-transactional',
  'float-rounded',
  'text-lossy',
  'history-lost',
  'grants-unreadable',
  'roles-without-passwords',
];

export type Told = (code: string, path: Buffer, message: string) => void;

/** Path inside the snapshot, raw, of an entry that a warning is about. */
export function warnedPath({ component, path = '', pathEncoding }: Warning): Buffer {
  const text = pathEncoding === 'percent' ? fromPercent(path) : Buffer.from(path).toString('latin1');
  return Buffer.from(text === '' ? component : `${component}/${text}`, 'latin1');
}

const fromPercent = (text: string): string =>
  text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** @param within raw paths that are restored; an empty one for everything */
export function warnOfTrees({ body }: Snapshot, within: readonly Buffer[], told: Told): void {
  for (const path of within) {
    const exclusion = exclusionOver({ body }, path);
    const message = `its contents are left out by the exclusion ${printable(exclusion ?? '', 4096)}`;
    if (exclusion !== null) told('excluded', path, earlier(message));
  }
  const trees = new Set(body.components.filter(({ type }) => type === 'tree').map(({ name }) => name));
  const about = body.warnings.filter(({ code }) => ofTrees.includes(code));
  for (const warning of about) {
    const path = warnedPath(warning);
    // What is of no tree is of all.
    const concerns =
      !trees.has(warning.component) || within.some((one) => isWithin(path, one) || isWithin(one, path));
    if (concerns) told(warning.code, path, earlier(warning.message));
  }
  for (const code of ofTrees) {
    const more = (body.warningCounts[code] ?? 0) - about.filter((one) => one.code === code).length;
    if (more > 0) told(code, Buffer.from('account'), earlier(`${more} more, which are not listed`));
  }
}

/** @param components whose exports are restored */
export function warnOfDatabases(
  { body }: Snapshot,
  components: readonly DatabaseComponent[],
  told: Told,
): void {
  const names = new Set(
    components.flatMap(({ name, instance, databases }) => [
      name,
      // So older versions named databases of a joint dump.
      ...databases.map((one) => `${instance}/${encodeName(one)}`),
    ]),
  );
  for (const { code, component, message } of body.warnings) {
    if (ofDatabases.includes(code) && names.has(component))
      told(code, Buffer.from(component), earlier(message));
  }
}

const earlier = (message: string): string => `when it was backed up: ${message}`;
