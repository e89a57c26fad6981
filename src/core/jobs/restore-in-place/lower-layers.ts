/**
 * What the lower layers of a mounted overlay have under a path, where the upper one hides it or not.
 *
 * Neither side of the mount tells: the upper layer has no word of the lower ones, and the merged view shows only what
 * wins. So the layers are read themselves, from where the kernel says that they are. Nothing here writes.
 */

import { readFileSync } from 'node:fs';
import { fileType, typeOf } from '../../archive/entry.ts';
import { listDirectory, plainName } from '../../filesystem/directory.ts';
import { AT_FDCWD, closeFd, O, openAt, Stat, statAt, statFd, zName } from '../../filesystem/native.ts';
import { isOpaqueAt, isWhiteoutStat } from './layer.ts';

export type LowerKind = 'directory' | 'other';

const stat = new Stat();
const directoryPath = O.PATH | O.DIRECTORY | O.NOFOLLOW;

export class LowerLayers {
  readonly #upper: number;
  /** Topmost first. */
  readonly #roots: readonly number[];
  /** The directory that was asked about last, merged of those that the layers have. */
  #last: { readonly path: string; readonly fds: readonly number[] } | null = null;

  /** Takes over the descriptors in `roots`; `upper` stays the caller's. */
  constructor(upper: number, roots: readonly number[]) {
    this.#upper = upper;
    this.#roots = roots;
  }

  /** `path`: relative to the root. Null: nothing, or what is above it in the upper layer hides all that there is. */
  kindOf(path: Buffer): LowerKind | null {
    const parts = path.toString('latin1').split('/');
    const name = zName(Buffer.from(parts.pop()!, 'latin1'));
    for (const fd of this.#merged(parts)) {
      if (statAt(fd, name, stat) < 0) continue;
      if (isWhiteoutStat(stat)) return null;
      return typeOf(stat) === fileType.directory ? 'directory' : 'other';
    }
    return null;
  }

  /** Whether the lower layers would show anything in this directory, were it not for the upper one's. */
  showsWithin(path: Buffer): boolean {
    const parts = path.toString('latin1').split('/');
    const name = parts.pop()!;
    const fds = below(this.#merged(parts), name);
    try {
      const hidden = new Set<string>();
      for (const fd of fds) {
        const listing = openAt(fd, zName('.'), O.DIRECTORY | O.NOFOLLOW);
        if (listing < 0) return true; // it is there, and cannot be read
        try {
          for (const listed of listDirectory(listing)) {
            const found = zName(Buffer.from(plainName(listed), 'latin1'));
            const key = found.toString('latin1');
            if (hidden.has(key)) continue;
            if (statAt(listing, found, stat) === 0 && !isWhiteoutStat(stat)) return true;
            hidden.add(key);
          }
        } finally {
          closeFd(listing);
        }
      }
      return false;
    } finally {
      for (const fd of fds) closeFd(fd);
    }
  }

  /** Descriptors of one directory in every layer that contributes to it; open until the next call. */
  #merged(parts: readonly string[]): readonly number[] {
    const path = parts.join('/');
    if (this.#last?.path === path) return this.#last.fds;
    this.#forget();
    let upper = openAt(this.#upper, zName('.'), directoryPath);
    let fds: readonly number[] = this.#roots.map((root) => openAt(root, zName('.'), directoryPath));
    for (const part of parts) {
      const next =
        upper < 0 || fds.length === 0 ? -1 : openAt(upper, zName(Buffer.from(part, 'latin1')), directoryPath);
      // Without a directory of the upper layer, the lower ones merge unless something else has the name.
      const other = upper >= 0 && next < 0 && statAt(upper, zName(Buffer.from(part, 'latin1')), stat) === 0;
      const shown = other || (next >= 0 && isOpaqueAt(next)) ? [] : below(fds, part);
      for (const fd of fds) closeFd(fd);
      if (upper >= 0) closeFd(upper);
      [upper, fds] = [next, shown];
    }
    if (upper >= 0) closeFd(upper);
    this.#last = { path, fds };
    return fds;
  }

  #forget(): void {
    for (const fd of this.#last?.fds ?? []) closeFd(fd);
    this.#last = null;
  }

  close(): void {
    this.#forget();
    for (const fd of this.#roots) closeFd(fd);
  }
}

/** As the kernel merges: up to a whiteout, an opaque directory, or what is no directory. */
function below(fds: readonly number[], part: string): number[] {
  const name = zName(Buffer.from(part, 'latin1'));
  const found: number[] = [];
  for (const fd of fds) {
    const child = openAt(fd, name, O.PATH | O.NOFOLLOW);
    if (child < 0) continue;
    statFd(child, stat);
    if (typeOf(stat) !== fileType.directory) {
      closeFd(child);
      break;
    }
    found.push(child);
    if (isOpaqueAt(child)) break;
  }
  return found;
}

/**
 * @param mounted the root of the mount
 * @param upper the root of its upper layer
 * @returns null where it cannot be told which layers there are, or one cannot be opened
 */
export function openLowerLayers(mounted: number, upper: number): LowerLayers | null {
  const paths = lowerPaths(mounted);
  const roots: number[] = [];
  for (const path of paths) {
    const fd = path.startsWith('/')
      ? openAt(AT_FDCWD, zName(Buffer.from(path, 'latin1')), O.PATH | O.DIRECTORY)
      : -1;
    if (fd >= 0) roots.push(fd);
  }
  if (paths.length > 0 && roots.length === paths.length) return new LowerLayers(upper, roots);
  for (const fd of roots) closeFd(fd);
  return null;
}

/** From the kernel's list of mounts, as latin1, topmost first; none where it is no overlay. */
function lowerPaths(mounted: number): string[] {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${mounted}`, 'latin1'))?.[1];
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const fields = lines.find((line) => line.startsWith(`${id} `))?.split(' ') ?? [];
  const dash = fields.indexOf('-', 6);
  if (dash < 0 || fields[dash + 1] !== 'overlay') return [];
  return lowerOptions(fields.slice(dash + 3).join(' '));
}

/** Layers that only hold the data of others have no names of their own: they come after an empty one, or as `datadir+`. */
export function lowerOptions(options: string): string[] {
  const plain = options.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
  const found: string[] = [];
  for (const option of plain.split(/(?<!\\),/)) {
    if (option.startsWith('lowerdir+=')) found.push(option.slice('lowerdir+='.length));
    if (!option.startsWith('lowerdir=')) continue;
    const layers = option.slice('lowerdir='.length).split('::')[0]!;
    found.push(...layers.split(/(?<!\\):/));
  }
  return found.map((path) => path.replace(/\\(.)/gs, '$1'));
}
