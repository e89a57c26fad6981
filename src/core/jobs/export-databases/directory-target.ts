/** Exports into `DIR/<site>/<instance>/<name>.sql.zst`, grants beside; each replaces the one before it. */

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { encodeFileName, encodeName } from '../../archive/keys.ts';
import { HoldfastError } from '../../errors.ts';
import { AT_FDCWD, closeFd, errnoName, O, openAt, unlinkAt, zName } from '../../filesystem/native.ts';
import { printable } from '../../printable.ts';
import { systemCode } from '../../system-code.ts';
import { type Compression, endingOf } from './compress.ts';
import { openMade, removeLeftovers } from './places.ts';
import type { ExportTarget } from './types.ts';

/** @throws TARGET_UNWRITABLE the directory cannot be made or opened */
export function directoryTarget(
  dir: string,
  { compression, now }: { readonly compression: Compression; readonly now: () => number },
): ExportTarget {
  const root = resolve(dir);
  try {
    makeDirectories(root);
  } catch (cause) {
    throw unwritable(root, systemCode(cause) ?? 'unknown', cause);
  }
  return {
    compression,
    takes: () => true,
    async look(account, engine) {
      const place = join(root, encodeName(account.site), encodeName(engine.instance));
      return {
        path: root,
        async sizesOf(database, format) {
          const file = join(place, `${encodeFileName(database)}.${format}${endingOf[compression]}`);
          const last = statSync(file, { throwIfNoEntry: false })?.size ?? null;
          return { last, superseded: last ?? 0 };
        },
      };
    },
    async open(account, engine) {
      const base = openAt(AT_FDCWD, zName(root), O.RDONLY | O.DIRECTORY);
      if (base < 0) throw unwritable(root, errnoName(base));
      const parts = [encodeName(account.site), encodeName(engine.instance)];
      try {
        const directory = openMade(base, parts, { owner: null, mode: 0o700 });
        removeLeftovers(directory, now());
        return {
          directory,
          path: [root, ...parts].join('/'),
          owner: null,
          baseName: encodeFileName,
          keepsBesides: true,
          afterwards: async (database, name) => removeOthers(directory, encodeFileName(database), name),
          close: () => closeFd(directory),
        };
      } finally {
        closeFd(base);
      }
    },
  };
}

/** The export before it, where that had another format or compression: whoever restores would take the wrong one. */
function removeOthers(directory: number, base: string, name: string): void {
  for (const format of ['sql', 'pgdump']) {
    for (const ending of Object.values(endingOf)) {
      const other = `${base}.${format}${ending}`;
      if (other !== name) unlinkAt(directory, zName(other));
    }
  }
}

/** Step by step: Node's own recursion never ends where a file system refuses with ENOENT, as /proc does. */
function makeDirectories(path: string): void {
  if (existsSync(path)) return;
  makeDirectories(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function unwritable(path: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('TARGET_UNWRITABLE', `cannot write to ${printable(path, 4096)}: ${why}`, {
    cause,
    hint: 'Name another directory with --to, or make room for this one.',
  });
}
