/**
 * Whether an export will find room, from the sizes of the files it supersedes, or what the servers say of the rest.
 *
 * An estimate: a dump may be far smaller than its tables. So whoever knows better may say so.
 */

import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { ExportGroup } from './choose.ts';
import type { Compression } from './compress.ts';
import type { ExportTarget, PlaceSizes } from './types.ts';

/** What dumps of ordinary tables shrink to at least; none counts as it is. */
const shareOf: Readonly<Record<Compression, number>> = { zstd: 0.25, gzip: 0.3, none: 1 };
/** Of an empty PostgreSQL database, whose catalogs no dump has. */
const catalogBytes = 7 * 1024 * 1024;

export interface SpaceRequest {
  readonly target: ExportTarget;
  readonly groups: readonly ExportGroup[];
  readonly plain: boolean;
  /** Groups in work at once: so many new files lie beside the old ones. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

/** Of one group: what its files will take more than there is now, and what lies beside until they are complete. */
interface Need {
  readonly group: ExportGroup;
  readonly path: string;
  readonly growth: number;
  readonly beside: number;
}

/** Groups for which there is no room, with the reason. */
export type Lacking = ReadonlyMap<ExportGroup, HoldfastError>;

/**
 * Finds the groups for which the file systems have no room. Where they share one, the largest go without: an account
 * decides what its own databases seem to be, and must not keep others from theirs.
 */
export async function findLacking(request: SpaceRequest): Promise<Lacking> {
  const needs: Need[] = [];
  for (const group of request.groups) {
    const { account, engine } = group;
    const place = await request.target.look(account, engine, request.signal);
    if (place !== null) needs.push(await needOf(request, group, place));
  }
  const byDevice = Map.groupBy(needs, ({ path }) => statSync(path, { throwIfNoEntry: false })?.dev ?? null);
  const lacking = new Map<ExportGroup, HoldfastError>();
  for (const [device, ofDevice] of byDevice) {
    if (device === null) continue;
    for (const [group, error] of await lackingOn(ofDevice, request.concurrency)) lacking.set(group, error);
  }
  return lacking;
}

/** @throws TARGET_UNWRITABLE there is no room for all of it */
export async function requireSpace(request: SpaceRequest): Promise<void> {
  const [error] = (await findLacking(request)).values();
  if (error !== undefined) throw error;
}

async function lackingOn(needs: readonly Need[], concurrency: number): Promise<Lacking> {
  const { path } = needs[0]!;
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const all = totalOf(needs, concurrency);
  const left = [...needs].sort((a, b) => a.growth + a.beside - (b.growth + b.beside));
  const lacking = new Map<ExportGroup, HoldfastError>();
  while (left.length > 0 && totalOf(left, concurrency) > free) {
    const { group } = left.pop()!;
    const message = `the exports may need ${mib(all)}, and ${mib(free)} are free in ${printable(path, 4096)}`;
    const hint = 'Make room, name another directory, or add --force to try all the same.';
    lacking.set(group, new HoldfastError('TARGET_UNWRITABLE', message, { hint }));
  }
  return lacking;
}

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

/** Until a new file is complete the one before it stays. */
function totalOf(needs: readonly Need[], concurrency: number): number {
  const beside = needs
    .map((need) => need.beside)
    .sort((a, b) => b - a)
    .slice(0, concurrency);
  return [...needs.map(({ growth }) => growth), ...beside].reduce((sum, bytes) => sum + bytes, 0);
}

async function needOf(
  { target, plain }: SpaceRequest,
  group: ExportGroup,
  { path, sizesOf }: PlaceSizes,
): Promise<Need> {
  const { engine, databases } = group;
  const isPostgresql = engine.family === 'postgresql';
  const format = isPostgresql && !plain ? 'pgdump' : 'sql';
  let [growth, beside] = [0, 0];
  for (const { name, estimatedBytes } of databases) {
    const { last, superseded } = await sizesOf(name, format);
    const data = Math.max(0, estimatedBytes - (isPostgresql ? catalogBytes : 0));
    const expected = last ?? data * shareOf[target.compression];
    growth += Math.max(0, expected - superseded);
    beside += Math.min(superseded, expected);
  }
  return { group, path, growth, beside };
}
