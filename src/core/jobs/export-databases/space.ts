/** Whether an export will find room. An estimate only: it warns, and never refuses. */

import { statfs } from 'node:fs/promises';
import type { ExportGroup } from './choose.ts';
import type { Compression } from './compress.ts';

/** What dumps of ordinary tables shrink to at least; none counts as it is. */
const shareOf: Readonly<Record<Compression, number>> = { zstd: 0.25, gzip: 0.3, none: 1 };

/** A sentence where the directory seems too small, else null. */
export async function spaceNote(
  dir: string,
  groups: readonly ExportGroup[],
  compression: Compression,
): Promise<string | null> {
  const estimated = groups
    .flatMap(({ databases }) => databases)
    .reduce((sum, { estimatedBytes }) => sum + estimatedBytes, 0);
  const needed = estimated * shareOf[compression];
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (needed <= free) return null;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;
  return `the exports may need ${mib(needed)}, and ${mib(free)} are free where they go`;
}
