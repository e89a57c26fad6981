/**
 * Whether an export will find room, from the sizes of the files it replaces, or what the servers say of the rest.
 *
 * An estimate: a dump may be far smaller than its tables. So whoever knows better may say so.
 */

import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeFileName, encodeName } from '../../archive/keys.ts';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { ExportGroup } from './choose.ts';
import { type Compression, endingOf } from './compress.ts';

/** What dumps of ordinary tables shrink to at least; none counts as it is. */
const shareOf: Readonly<Record<Compression, number>> = { zstd: 0.25, gzip: 0.3, none: 1 };
/** Of an empty PostgreSQL database, whose catalogs no dump has. */
const catalogBytes = 7 * 1024 * 1024;

export interface SpaceRequest {
  /** Exists. */
  readonly dir: string;
  readonly groups: readonly ExportGroup[];
  readonly compression: Compression;
  readonly plain: boolean;
  /** Groups in work at once: so many new files lie beside the old ones. */
  readonly concurrency: number;
}

/** @throws TARGET_UNWRITABLE the file system cannot hold what is to be expected */
export async function requireSpace(request: SpaceRequest): Promise<void> {
  const { dir, concurrency } = request;
  const files = request.groups.map((group) => expectedFiles(request, group));
  const growth = files.flat().reduce((sum, { before, after }) => sum + Math.max(0, after - before), 0);
  // Until a new file is complete the one before it stays.
  const beside = files
    .map((ofGroup) => ofGroup.reduce((sum, { before, after }) => sum + Math.min(before, after), 0))
    .sort((a, b) => b - a)
    .slice(0, concurrency)
    .reduce((sum, bytes) => sum + bytes, 0);
  const needed = growth + beside;
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (needed <= free) return;
  const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  throw new HoldfastError(
    'TARGET_UNWRITABLE',
    `the exports may need ${mib(needed)}, and ${mib(free)} are free in ${printable(dir, 4096)}`,
    { hint: 'Make room, name another directory, or add --force to try all the same.' },
  );
}

interface ExpectedFile {
  /** Of the file that is replaced; 0 where there is none. */
  readonly before: number;
  readonly after: number;
}

function expectedFiles(
  { dir, compression, plain }: SpaceRequest,
  { account, engine, databases }: ExportGroup,
): readonly ExpectedFile[] {
  const custom = engine.family === 'postgresql' && !plain;
  const ending = `${custom ? 'pgdump' : 'sql'}${endingOf[compression]}`;
  const place = join(dir, encodeName(account.site), encodeName(engine.instance));
  return databases.map(({ name, estimatedBytes }) => {
    const before = statSync(join(place, `${encodeFileName(name)}.${ending}`), {
      throwIfNoEntry: false,
    })?.size;
    if (before !== undefined) return { before, after: before };
    const empty = engine.family === 'postgresql' ? catalogBytes : 0;
    return { before: 0, after: Math.max(0, estimatedBytes - empty) * shareOf[compression] };
  });
}
