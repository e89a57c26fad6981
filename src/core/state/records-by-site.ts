/**
 * Finds records by site, so that ten thousand accounts are told apart without looking at all records for each.
 *
 * Holds no records of its own: they stay in the map they came from.
 */

import { type AccountRecord, present } from './account-records.ts';

export class RecordsBySite {
  readonly #records: ReadonlyMap<string, AccountRecord>;
  readonly #uuids = new Map<string, Set<string>>();

  constructor(records: ReadonlyMap<string, AccountRecord>) {
    this.#records = records;
    for (const record of records.values()) this.note(record);
  }

  /** To be told of every record that is new or changed. */
  note(record: AccountRecord): void {
    const { site } = present(record);
    const uuids = this.#uuids.get(site);
    if (uuids === undefined) this.#uuids.set(site, new Set([record.uuid]));
    else uuids.add(record.uuid);
  }

  /** Those seen there last, and some that have gone elsewhere since. */
  of(site: string): readonly AccountRecord[] {
    return [...(this.#uuids.get(site) ?? [])].flatMap((uuid) => this.#records.get(uuid) ?? []);
  }
}
