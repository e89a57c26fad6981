/**
 * The local state: who this server is, which UUID each account has, which store belongs to which configuration.
 *
 * A cache: stores alone are enough to restore, and a lost state costs fulls. The UUID of an account rules where it is
 * kept, as an xattr of its own directory: a panel uses site numbers again. Files are 0600 and always whole.
 */

import { join } from 'node:path';
import type { Account } from '../contracts/panel.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { systemCode } from '../system-code.ts';
import {
  type AccountRecord,
  type AccountRecords,
  type FormerRecord,
  formerOf,
  hasTakenOver,
  isContested,
  parseRecords,
  present,
  sighted,
  sitesByUuid,
} from './account-records.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { CarriedIds, type DirectoryAccess } from './carried-ids.ts';
import { KnownStores } from './known-stores.ts';
import { RecordLookup } from './record-lookup.ts';
import { allUuids, type IdentityDependencies, openIdentity, type ServerIdentity } from './server-identity.ts';
import { ensurePrivateDirectory, readOrSetAside } from './state-files.ts';

export interface StateDependencies extends IdentityDependencies, DirectoryAccess {}

export interface State {
  readonly server: ServerIdentity;
  /** What an administrator should know: a cloned machine, a directory that keeps no xattrs, damage. */
  readonly notes: readonly string[];
  /** The UUID of an account, given at first sight and remembered. Safe to repeat. */
  accountId(account: Account): Promise<string>;
  /** Gives UUIDs to all that have none, with one write; where one cannot be looked at, `accountId` says so. */
  sightAll(accounts: readonly Account[]): Promise<void>;
  /** The same where there is one, changing nothing. */
  knownAccountId(account: Account): Promise<string | null>;
  /**
   * Whose directory the account's was until a week ago at most, while its own carried that UUID: its past may lie under
   * it. Null where it took nobody's place. Asks no disk; `uuid` is that of the account, null where it has none yet.
   */
  former(account: Account, uuid: string | null): FormerRecord | null;
  /** Everything ever seen, `_system` left out. */
  accounts(): readonly AccountRecord[];
  /** Site by UUID, for the accounts that hold their site now. */
  sites(): ReadonlyMap<string, string>;
  rememberStore(name: string, id: string): Promise<void>;
  /** Id of the store that an addin configuration last used; null for a first use. */
  storeId(name: string): string | null;
  /** Whether this server, under any of its UUIDs, has used it: not so where the state lost who it was. */
  hasUsedStore(name: string): boolean;
}

/**
 * @throws PREREQUISITE_MISSING the directory cannot be made, read or written
 * @throws CONFIG_INVALID others than its owner can write into the directory
 */
export async function openState(stateDir: string, deps: StateDependencies): Promise<State> {
  try {
    await ensurePrivateDirectory(stateDir);
    const notes: string[] = [];
    const server = await openIdentity(join(stateDir, 'server.json'), deps, notes);
    const file = join(stateDir, 'accounts.json');
    const records = (await readOrSetAside(file, parseRecords, deps.now(), notes)) ?? new Map();
    const stores = await KnownStores.open(join(stateDir, 'stores.json'), deps.now(), notes);
    return new StateDirectory({ server, notes, file, records, stores, deps });
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError(
      'PREREQUISITE_MISSING',
      `cannot use the state in ${printable(stateDir)}: ${systemCode(cause) ?? 'unknown'}`,
      {
        cause,
        hint: 'Run Holdfast as root, or set "stateDir" in config.json to a directory it can write.',
      },
    );
  }
}

interface Parts {
  readonly server: ServerIdentity;
  readonly notes: string[];
  /** `accounts.json` */
  readonly file: string;
  readonly records: Map<string, AccountRecord>;
  readonly stores: KnownStores;
  readonly deps: StateDependencies;
}

class StateDirectory implements State {
  readonly #parts: Parts;
  /** Records not yet on disk, and the write that will take them: many sightings share one. */
  #dirty = new Map<string, AccountRecord>();
  #next: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();
  /** One at a time, so that a directory and its copy cannot both pass for the original. */
  #sightings: Promise<unknown> = Promise.resolve();

  readonly #lookup: RecordLookup;
  readonly #carried: CarriedIds;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#lookup = new RecordLookup(parts.records);
    this.#carried = new CarriedIds(parts.deps, this.#lookup);
  }

  get server(): ServerIdentity {
    return this.#parts.server;
  }

  get notes(): readonly string[] {
    return this.#parts.notes;
  }

  async accountId(account: Account): Promise<string> {
    if (account.site === '_system') return this.server.systemUuid;
    const uuid = await this.#inTurn(account);
    if (this.#dirty.has(uuid)) await this.#flush();
    return uuid;
  }

  async sightAll(accounts: readonly Account[]): Promise<void> {
    await Promise.allSettled(accounts.map(async (one) => one.site === '_system' || this.#inTurn(one)));
    if (this.#dirty.size > 0) await this.#flush();
  }

  async knownAccountId(account: Account): Promise<string | null> {
    if (account.site === '_system') return this.server.systemUuid;
    const { carried } = await this.#carried.look(account.home);
    return this.#idOf(account, carried);
  }

  former({ site, domain, home }: Account, uuid: string | null): FormerRecord | null {
    const { records, deps } = this.#parts;
    const own = uuid === null ? undefined : records.get(uuid);
    return formerOf({ site, domain, home, own, nowMs: deps.now() }, this.#lookup.of(site));
  }

  accounts(): readonly AccountRecord[] {
    return [...this.#parts.records.values()];
  }

  sites(): ReadonlyMap<string, string> {
    return new Map([...sitesByUuid(this.#parts.records), [this.server.systemUuid, '_system']]);
  }

  async rememberStore(name: string, id: string): Promise<void> {
    await this.#parts.stores.remember(name, id, this.server.uuid);
  }

  storeId(name: string): string | null {
    return this.#parts.stores.idOf(name);
  }

  hasUsedStore(name: string): boolean {
    return this.#parts.stores.wasUsedBy(allUuids(this.server), name);
  }

  #inTurn(account: Account): Promise<string> {
    const sighting = this.#sightings.then(() => this.#sight(account));
    this.#sightings = sighting.catch(() => {});
    return sighting;
  }

  async #sight(account: Account): Promise<string> {
    const { records, deps } = this.#parts;
    const { site, domain, home } = account;
    const { carried, stamp } = await this.#carried.look(home);
    const uuid =
      (await this.#idOf(account, carried)) ?? (await this.#carried.give(account, this.#parts.notes));
    const marked = home !== null && (carried === uuid || (await this.#carried.read(home)) === uuid);
    const known = records.get(uuid);
    const nowMs = deps.now();
    const others = this.#lookup.of(site);
    const contested = isContested(known, others);
    const tookOver = hasTakenOver({ site, domain, home, own: known, nowMs }, others);
    const seen = { uuid, marked, stamp: carried === uuid ? stamp : null };
    const record = sighted(known, { ...seen, account, nowMs, contested, tookOver });
    if (record !== null) {
      records.set(uuid, record);
      this.#lookup.note(record);
      this.#dirty.set(uuid, record);
    }
    return uuid;
  }

  async #idOf(account: Account, carried: string | null): Promise<string | null> {
    if (carried === null) return this.#remembered(account);
    return (await this.#isCopy(carried, account)) ? null : carried;
  }

  /** A directory copied with its xattrs is another account as long as the original is there. */
  async #isCopy(uuid: string, { home }: Account): Promise<boolean> {
    const original = this.#parts.records.get(uuid)?.home ?? null;
    if (original === null || original === home) return false;
    return (await this.#carried.read(original).catch(() => null)) === uuid;
  }

  /**
   * From the state alone: for an account without a directory, and for directories that could not take
   * the UUID. One that could and has it no more is another account on the same site number.
   */
  #remembered({ site, domain, home }: Account): string | null {
    let found: AccountRecord | null = null;
    for (const record of this.#lookup.of(site)) {
      const last = present(record);
      const same = last.site === site && last.domain === domain;
      if (!same || (home !== null && (record.marked || record.home !== home))) continue;
      if (found === null || present(found).lastSeenMs <= last.lastSeenMs) found = record;
    }
    return found?.uuid ?? null;
  }

  /** Resolves when all that is dirty now is on disk. */
  #flush(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      const taken = this.#dirty;
      this.#dirty = new Map();
      const writing = this.#write(taken).catch((error: unknown) => {
        this.#dirty = new Map([...taken, ...this.#dirty]);
        throw error;
      });
      this.#running = writing.catch(() => {});
      return writing;
    });
    return this.#next;
  }

  async #write(taken: AccountRecords): Promise<void> {
    const { file } = this.#parts;
    const onDisk = await readJsonFile(file); // others write too; their records are kept
    const merged = ('value' in onDisk && parseRecords(onDisk.value)) || new Map<string, AccountRecord>();
    const accounts = [...new Map([...merged, ...taken]).values()];
    await writeJsonFile(file, { version: 1, accounts });
  }
}
