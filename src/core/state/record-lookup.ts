/**
 * Finds records by site and by directory, so that ten thousand accounts are told apart without looking at all records
 * for each.
 *
 * Holds no records of its own: they stay in the map they came from.
 */

import { type AccountRecord, present } from './account-records.ts';

export class RecordLookup {
  readonly #records: ReadonlyMap<string, AccountRecord>;
  /** Made at the first question: most accounts carry their UUID, and nobody asks. */
  #uuids: Map<string, Set<string>> | null = null;
  #homes: Map<string, AccountRecord> | null = null;

  constructor(records: ReadonlyMap<string, AccountRecord>) {
    this.#records = records;
  }

  /** To be told of every record that is new or changed. */
  note(record: AccountRecord): void {
    if (this.#uuids !== null) add(this.#uuids, record);
    if (record.home !== null) this.#homes?.set(record.home, record);
  }

  /** Those seen at a site last, and some that have gone elsewhere since. */
  of(site: string): readonly AccountRecord[] {
    this.#uuids ??= allOf(this.#records);
    return [...(this.#uuids.get(site) ?? [])].flatMap((uuid) => this.#records.get(uuid) ?? []);
  }

  /** The one first seen last of those whose directory this is or was. */
  at(home: string): AccountRecord | null {
    this.#homes ??= byHome(this.#records);
    return this.#homes.get(home) ?? null;
  }
}

function allOf(records: ReadonlyMap<string, AccountRecord>): Map<string, Set<string>> {
  const uuids = new Map<string, Set<string>>();
  for (const record of records.values()) add(uuids, record);
  return uuids;
}

function add(uuidsBySite: Map<string, Set<string>>, record: AccountRecord): void {
  const { site } = present(record);
  const uuids = uuidsBySite.get(site);
  if (uuids === undefined) uuidsBySite.set(site, new Set([record.uuid]));
  else uuids.add(record.uuid);
}

/** Records are kept in the order in which accounts came. */
function byHome(records: ReadonlyMap<string, AccountRecord>): Map<string, AccountRecord> {
  const homes = new Map<string, AccountRecord>();
  for (const record of records.values()) if (record.home !== null) homes.set(record.home, record);
  return homes;
}
