/** What a dump's own stream held: tables with their rows, views, whose objects were, which events ran. */

import type { DatabaseDefaults } from './defaults.ts';
import type { Definer } from './import-statement.ts';
import type { HeldView } from './import-views.ts';

export interface TalliedTable {
  rows: number;
  /** False where the dump's rows may replace or skip each other. */
  exact: boolean;
}

/** Bytes of a text that are told where its object is missing. */
const shown = 1000;
const object = /^(PROCEDURE|FUNCTION|PACKAGE( BODY)?|TRIGGER|EVENT)$/;
const keyOf = (kind: string, name: string): string => `${kind} ${name}`.toLowerCase();

export class ImportTally {
  readonly tables = new Map<string, TalliedTable>();
  /** The last of each name; none has been made. */
  readonly views = new Map<string, HeldView>();
  readonly sequences = new Set<string>();
  /** By `<kind> <name>`, as the dump has them. */
  readonly definers = new Map<string, Definer>();
  readonly enabledEvents = new Set<string>();
  /** Those that the server drops once their time is over. */
  readonly passingEvents = new Set<string>();
  /** Beginnings of the texts of routines, triggers and events, by `<kind> <name>` in lower case. */
  readonly objects = new Map<string, string>();
  /** Other databases that a joint dump holds. */
  readonly others = new Set<string>();
  readonly ignored = new Set<string>();
  /** Name of the database in the dump, as far as it says. */
  source: string | null = null;
  /** Of that database, as far as the dump says. */
  defaults: DatabaseDefaults | null = null;

  created(kind: string, name: string, written: Buffer): void {
    if (kind === 'TABLE') this.tables.set(name, { rows: 0, exact: true });
    else if (kind === 'SEQUENCE') this.sequences.add(name);
    else if (object.test(kind)) this.objects.set(keyOf(kind, name), written.toString('utf8', 0, shown));
  }

  dropped(kind: string, name: string): void {
    if (kind === 'TABLE') this.tables.delete(name);
    if (kind === 'VIEW') this.views.delete(name);
    if (kind === 'SEQUENCE') this.sequences.delete(name);
    this.objects.delete(keyOf(kind, name));
  }

  inserted(name: string, rows: number, exact: boolean): void {
    const table = this.tables.get(name) ?? { rows: 0, exact: false };
    table.rows += rows;
    table.exact &&= exact;
    this.tables.set(name, table);
  }
}
