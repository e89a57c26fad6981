/**
 * Exports into the directories where the panel keeps each account's own dumps, in the panel's naming, so that
 * its restore page offers them.
 *
 * Everything there belongs to the account: directories are entered one by one, files are written with the
 * account's rights and count towards its quota, and only dumps of the panel's own naming are ever rotated.
 */

import type { Account, Panel, PanelDumps } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import {
  AT_FDCWD,
  closeFd,
  errnoName,
  O,
  openAt,
  Stat,
  statAt,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { openBelow } from '../../filesystem/open-below.ts';
import { printable, quoted } from '../../printable.ts';
import type { Compression } from './compress.ts';
import { names, openMade, removeLeftovers } from './places.ts';
import type { ExportPlace, ExportTarget } from './types.ts';

export function panelTarget(
  panel: Panel,
  { compression, now }: { readonly compression: Exclude<Compression, 'zstd'>; readonly now: () => number },
): ExportTarget {
  return {
    compression,
    takes: (account, family) => dumpsOf(account, family) !== null,
    async look(account, engine, signal) {
      const dumps = dumpsOf(account, engine.family);
      const writable = dumps && (await panel.writablePath({ account, tree: dumps.tree, signal }));
      if (dumps === null || writable?.path == null) return null;
      const { path } = writable;
      return {
        path,
        async sizesOf(database) {
          const taken = takenByDumps(path, dumps.path, database);
          // The account may have set another number; asking the panel for each takes longer than it is worth.
          const superseded = taken.slice(0, Math.max(0, taken.length + 1 - dumps.keep));
          // What the last one was the account may say as it likes.
          return { last: null, superseded: superseded.reduce((sum, bytes) => sum + bytes, 0) };
        },
      };
    },
    async open(account, engine, signal) {
      const dumps = dumpsOf(account, engine.family);
      const { owner } = account;
      if (dumps === null || owner === null) {
        throw unwritable(account, `the panel keeps no dumps of ${engine.engine}`);
      }
      const writable = await panel.writablePath({ account, tree: dumps.tree, signal });
      if (writable.path === null) throw unwritable(account, writable.reason);
      const root = openAt(AT_FDCWD, zName(writable.path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
      if (root < 0) throw unwritable(account, errnoName(root));
      try {
        const parts = dumps.path.split('/');
        const home = openMade(root, parts.slice(0, -1), { owner, mode: 0o711 });
        try {
          const directory = openMade(home, parts.slice(-1), { owner, mode: 0o700 });
          removeLeftovers(directory, now());
          const keep = async (database: string): Promise<number> =>
            (await panel.keptDumps?.({ account, database, signal })) ?? dumps.keep;
          return placeOf(directory, `${writable.path}/${dumps.path}`, { owner, keep });
        } finally {
          if (home !== root) closeFd(home);
        }
      } finally {
        closeFd(root);
      }
    },
  };
}

function dumpsOf(account: Account, family: string): PanelDumps | null {
  return account.databases.find((selector) => selector.family === family)?.dumps ?? null;
}

/** Bytes on the disk of each dump of a database, the oldest first; none where a link leads to the directory. */
function takenByDumps(root: string, path: string, database: string): number[] {
  const directory = openBelow(root, Buffer.from(path), O.DIRECTORY);
  if (directory < 0) return [];
  const stat = new Stat();
  try {
    const own = names(directory).filter((name) => isDumpOf(name, database));
    return own.sort().map((name) => (statAt(directory, zName(name), stat) < 0 ? 0 : stat.blocks * 512));
  } finally {
    closeFd(directory);
  }
}

function placeOf(
  directory: number,
  path: string,
  {
    owner,
    keep,
  }: { readonly owner: NonNullable<Account['owner']>; readonly keep: (database: string) => Promise<number> },
): ExportPlace {
  return {
    directory,
    path,
    owner,
    keepsBesides: false,
    baseName(database, atMs) {
      if (/[/\0]|^\./.test(database)) {
        throw new HoldfastError('TARGET_UNWRITABLE', `${quoted(database)} cannot be part of a file name`, {
          hint: 'Export this database with --to DIR.',
        });
      }
      return `${database}-${timestamp(atMs)}`;
    },
    async afterwards(database) {
      const kept = await keep(database);
      const own = names(directory).filter((name) => isDumpOf(name, database));
      // The time in the name has a fixed length, so the order of names is that of time.
      const old = own.sort().slice(0, Math.max(0, own.length - kept));
      for (const name of old) unlinkAt(directory, zName(name));
    },
    close: () => closeFd(directory),
  };
}

/** `exa_shop-20261121031500.sql.gz`; the panel's snapshots before updates are not ours to rotate. */
export function isDumpOf(name: string, database: string): boolean {
  return (
    name.startsWith(`${database}-`) &&
    /^\d{14}\.(?:sql(?:\.gz)?|zip|tar(?:\.gz)?|gz)$/.test(name.slice(database.length + 1))
  );
}

/** `YYYYMMDDHHMMSS`, in the server's own time as the panel writes it. */
function timestamp(atMs: number): string {
  const at = new Date(atMs);
  const parts = [at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
  return `${at.getFullYear()}${parts.map((part) => String(part).padStart(2, '0')).join('')}`;
}

function unwritable({ site }: Account, why: string): HoldfastError {
  return new HoldfastError('TARGET_UNWRITABLE', `cannot write the dumps of ${printable(site)}: ${why}`, {
    hint: 'Export these databases with --to DIR.',
  });
}
