/**
 * What is told of a database once: when the snapshot before did not have it. It takes nothing from the export and
 * stands until somebody changes the database, so telling of it each night would hide what is new. Pure.
 */

import { encodeName } from '../../archive/keys.ts';
import type { DatabaseComponent, Warning } from '../../archive/manifest.ts';
import { quoted } from '../../printable.ts';
import type { Measures } from '../../state/measures.ts';
import { unknownDatabases } from '../backup/unknown-databases.ts';

export interface DatabaseNote {
  readonly instance: string;
  readonly database: string;
  /** Of the export that it is in. */
  readonly component: string;
  /** Whether others are in it too. */
  readonly isJoint: boolean;
  readonly code: string;
  readonly message: string;
  /** Of all it is about, where the message does not name it. */
  readonly digest?: string;
}

/** What the snapshot before did not have; all where nobody knows that. */
export function newNotes(notes: readonly DatabaseNote[], before: Measures | undefined): Warning[] {
  const known = new Set(before?.notes);
  return notes
    .filter((note) => !known.has(textOf(note)))
    .map(({ component, database, isJoint, code, message }) => {
      return { code, component, message: isJoint ? `database ${quoted(database)}: ${message}` : message };
    });
}

/** As the next snapshot is to know them; of databases that could not be exported as they were before. */
export function notesToKeep(
  notes: readonly DatabaseNote[],
  components: readonly Pick<DatabaseComponent, 'state' | 'instance' | 'databases'>[],
  before: Measures | undefined,
): string[] {
  const failed = components
    .filter(({ state }) => state === 'failed')
    .flatMap(({ instance, databases }) =>
      databases.map((name) => (name === unknownDatabases ? `${instance}/` : placeOf(instance, name))),
    );
  const unseen = (before?.notes ?? []).filter((one) => failed.some((place) => one.startsWith(place)));
  return [...new Set([...unseen, ...notes.map(textOf)])];
}

/** Not of the component, which is another one where the locks for single exports could not be had. */
const textOf = ({ instance, database, code, message, digest }: DatabaseNote): string =>
  `${placeOf(instance, database)}${code}: ${message}${digest === undefined ? '' : ` ${digest}`}`;

const placeOf = (instance: string, database: string): string => `${instance}/${encodeName(database)} `;
