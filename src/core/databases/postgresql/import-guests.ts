/**
 * What owners outside of the account had put into the database. From its first object on each has a stand-in, to whom it
 * is given at once, and where code of theirs may run, a session of his own.
 *
 * The importer owns all that the account has, and a CHECK of a guest's table could give that away while rows arrive. As his
 * stand-in it reaches what is his. The server itself makes indexes and fills materialized views as their owner.
 */

import type { Said } from './import-encoding.ts';
import { renamed } from './import-lex.ts';
import type { OwnerStatement } from './import-owner.ts';
import { schemasOf } from './import-rights.ts';
import type { ImportSession } from './import-session.ts';
import type { ForeignKey } from './import-tables.ts';
import { quoteName } from './names.ts';

/** As the administrator, who alone makes roles and lets them in. */
export interface GuestDoor {
  /** @returns the name of the stand-in, of which the importer is a member */
  create(): Promise<string>;
  open(standIn: string): Promise<ImportSession>;
  /** Whether the importer has none of his rights for now. */
  part(standIn: string, parted: boolean): Promise<void>;
}

interface Guest {
  readonly standIn: string;
  session: ImportSession | null;
}

export class Guests {
  readonly #importer: ImportSession;
  readonly #door: GuestDoor;
  readonly #guests = new Map<string, Guest>();
  readonly #relations = new Map<string, Guest>();
  readonly #settings: (string | Said)[] = [];

  constructor(importer: ImportSession, door: GuestDoor) {
    this.#importer = importer;
    this.#door = door;
  }

  /** @throws IMPORT_FAILED */
  async own(text: string, { role, schema, relation }: OwnerStatement): Promise<void> {
    const guest = this.#guests.get(role.value) ?? (await this.#welcome(role.value));
    const standIn = quoteName(guest.standIn);
    // What the server wants of a new owner, and not longer than that.
    const place = schema === null ? null : `SCHEMA ${quoteName(schema)}`;
    if (place !== null) await this.#importer.run(`GRANT CREATE ON ${place} TO ${standIn}`);
    await this.#importer.run(renamed(text, [role], new Map([[role.value, guest.standIn]])));
    if (place !== null) await this.#importer.run(`REVOKE CREATE ON ${place} FROM ${standIn}`);
    if (relation !== null) this.#relations.set(relation, guest);
  }

  has(table: string): boolean {
    return this.#relations.has(table);
  }

  /** A setting that the importer's session has been given. */
  async set(setting: string | Said): Promise<void> {
    this.#settings.push(setting);
    for (const { session } of this.#guests.values()) await session?.run(setting);
  }

  /** Whose session a statement about this table runs in. */
  async sessionOf(table: string): Promise<ImportSession> {
    const guest = this.#relations.get(table);
    return guest === undefined ? this.#importer : await this.#sessionOf(guest);
  }

  /**
   * Checked row by row as the owner of the table that it leads to: whoever adds it has no right to read that one, else the
   * server would look at both tables with his rights.
   */
  async addKey(said: Said, { table, target, quotedTarget }: ForeignKey): Promise<void> {
    const [here, there] = [this.#relations.get(table), this.#relations.get(target)];
    const session = await this.sessionOf(table);
    if (here === there) return await session.run(said);
    const adder = here?.standIn ?? (await this.#importerName());
    const owner = await this.sessionOf(target);
    await owner.run(`GRANT REFERENCES ON ${quotedTarget} TO ${quoteName(adder)}`);
    const parted = here === undefined ? there : undefined;
    if (parted !== undefined) await this.#door.part(parted.standIn, true);
    await session.run(said);
    if (parted !== undefined) await this.#door.part(parted.standIn, false);
  }

  async close(): Promise<void> {
    for (const guest of this.#guests.values()) {
      await guest.session?.close();
      guest.session = null;
    }
  }

  async #importerName(): Promise<string> {
    const [row] = await this.#importer.rows('SELECT current_user AS name');
    return String(row?.['name']);
  }

  async #welcome(role: string): Promise<Guest> {
    const standIn = await this.#door.create();
    const guest: Guest = { standIn, session: null };
    this.#guests.set(role, guest);
    const name = quoteName(standIn);
    for (const schema of await schemasOf(this.#importer))
      await this.#importer.run(`GRANT USAGE ON SCHEMA ${schema} TO ${name}`);
    await this.#importer.run(`ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO ${name}`);
    return guest;
  }

  async #sessionOf(guest: Guest): Promise<ImportSession> {
    if (guest.session !== null) return guest.session;
    guest.session = await this.#door.open(guest.standIn);
    for (const setting of this.#settings) await guest.session.run(setting);
    return guest.session;
  }
}
