/**
 * The UUIDs that accounts' own directories carry: read, given, and remembered while a directory stays as it is.
 */

import type { Account } from '../contracts/panel.ts';
import { printable } from '../printable.ts';
import { systemCode } from '../system-code.ts';
import type { RecordLookup } from './record-lookup.ts';
import { type IdentityDependencies, isUuid } from './server-identity.ts';

export const accountXattr = 'trusted.holdfast.account';

/** What brings back an account whose directory is there without the UUID that it carried. */
export const anewHint = ({ uuid, home }: { readonly uuid: string; readonly home: string }): string =>
  `Mount the disk that belongs there; or, where it is the same account, run \`setfattr -n ${accountXattr} -v ${uuid} ${shellWord(home)}\`.`;

const shellWord = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${printable(path, 4096).replaceAll("'", "'\\''")}'`;

export interface InodeStamp {
  /** Device, inode and ctime. */
  readonly text: string;
  readonly changedAtMs: number;
}

export interface DirectoryAccess {
  /** Null where the path has no such attribute, or its file system keeps none. Follows no link. */
  readonly readXattr: (path: string, name: string) => Promise<Uint8Array | null>;
  /** What tells one state of an inode from another, null where there is none. Follows no link. */
  readonly readStamp: (path: string) => Promise<InodeStamp | null>;
  /** Rejects where the attribute cannot be kept. Follows no link. */
  readonly writeXattr: (path: string, name: string, value: Uint8Array) => Promise<void>;
}

type Access = DirectoryAccess & Pick<IdentityDependencies, 'now' | 'newUuid'>;

/** Two changes within one tick of the clock look like one: what changed later than this ago is read again. */
const settledMs = 60_000;

export interface Look {
  readonly carried: string | null;
  /** Of the directory before it was read; null where nothing can be concluded from it later. */
  readonly stamp: string | null;
}

export class CarriedIds {
  readonly #access: Access;
  readonly #lookup: RecordLookup;

  constructor(access: Access, lookup: RecordLookup) {
    this.#access = access;
    this.#lookup = lookup;
  }

  /** One that has not changed since it was seen to carry a UUID is not read again. */
  async look(home: string | null): Promise<Look> {
    if (home === null) return { carried: null, stamp: null };
    const { readStamp, now } = this.#access;
    const found = await readStamp(home);
    const stamp = found !== null && now() - found.changedAtMs > settledMs ? found.text : null;
    const seen = stamp === null ? null : this.#lookup.at(home);
    if (seen?.marked && seen.stamp === stamp) return { carried: seen.uuid, stamp };
    return { carried: await this.read(home), stamp };
  }

  async read(home: string): Promise<string | null> {
    const value = await this.#access.readXattr(home, accountXattr);
    const text = Buffer.from(value ?? '').toString('latin1');
    return isUuid(text) ? text : null;
  }

  /** A new one, and it is a note where the directory cannot carry it. */
  async give({ home, site }: Account, notes: string[]): Promise<string> {
    const uuid = this.#access.newUuid();
    if (home === null) return uuid;
    try {
      await this.#access.writeXattr(home, accountXattr, Buffer.from(uuid));
    } catch (error) {
      const code = systemCode(error) ?? (error as Error).message;
      notes.push(`${printable(site)}: its directory cannot carry its UUID (${printable(String(code))})`);
      return uuid;
    }
    // Another process may have been at it too: what stands there counts for both.
    return (await this.read(home)) ?? uuid;
  }
}
