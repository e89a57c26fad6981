/**
 * Whether what is to be written has room: on the file system, and within the quotas of its owners.
 *
 * The plan tells it what is taken and given back in the order of the run, and it remembers the peak: each
 * file is written whole before the one in its place goes.
 */

import { readFileSync, statfsSync } from 'node:fs';
import { HoldfastError } from '../../errors.ts';
import { Stat, statFd } from '../../filesystem/native.ts';
import { projectOf, type QuotaRecord, readQuota } from '../../filesystem/quota.ts';
import type { Usage } from './decide.ts';

const blockBytes = 4096;

/** What may still be taken; Infinity: no limit. */
export interface Room {
  readonly bytes: number;
  readonly inodes: number;
}

/** `fd`: the root of a tree. Null: there is no such quota. */
export type ReadLimits = (
  fd: number,
  whose: 'file-system' | 'user' | 'group' | 'project',
  id: number,
) => Room | null;

class Meter {
  #bytes = 0;
  #inodes = 0;
  peakBytes = 0;
  peakInodes = 0;

  take(bytes: number, inodes: number): void {
    this.#bytes += bytes;
    this.#inodes += inodes;
    this.peakBytes = Math.max(this.peakBytes, this.#bytes);
    this.peakInodes = Math.max(this.peakInodes, this.#inodes);
  }
}

export class SpaceLedger {
  readonly #meters = new Map<string, Meter>();

  takes(owner: Omit<Usage, 'bytes'>, dataBytes: number): void {
    this.#all({ ...owner, bytes: Math.ceil(dataBytes / blockBytes) * blockBytes }, 1);
  }

  gives(usage: Usage | null): void {
    if (usage !== null) this.#all({ ...usage, bytes: -usage.bytes }, -1);
  }

  /** The same inode, with another owner. */
  moves(usage: Usage, owner: Omit<Usage, 'bytes'>): void {
    this.#all({ ...usage, bytes: -usage.bytes }, -1);
    this.#all({ ...owner, bytes: usage.bytes }, 1);
  }

  #all({ uid, gid, bytes }: Usage, inodes: number): void {
    for (const key of ['file-system:0', 'project:0', `user:${uid}`, `group:${gid}`]) {
      const meter = this.#meters.get(key) ?? new Meter();
      meter.take(bytes, inodes);
      this.#meters.set(key, meter);
    }
  }

  /** What does not fit, one sentence each. `fd`: the root of the tree. */
  shortages(fd: number, read: ReadLimits): string[] {
    const found: string[] = [];
    for (const [key, { peakBytes, peakInodes }] of this.#meters) {
      const [whose, id] = key.split(':') as [Parameters<ReadLimits>[1], string];
      const room = peakBytes > 0 || peakInodes > 0 ? read(fd, whose, Number(id)) : null;
      if (room === null) continue;
      const holder =
        whose === 'file-system'
          ? 'the file system'
          : whose === 'project'
            ? 'the project quota'
            : `the quota of ${whose} ${id}`;
      const short = (need: number, left: number, unit: string): void => {
        if (need > left)
          found.push(`${holder} has room for ${Math.max(0, left)} ${unit}, and ${need} are needed`);
      };
      short(peakBytes, room.bytes, 'bytes');
      short(peakInodes, room.inodes, 'inodes');
    }
    return found;
  }
}

/** @throws TARGET_UNWRITABLE with the numbers */
export function refuseShortages(shortages: readonly string[]): void {
  if (shortages.length === 0) return;
  throw new HoldfastError('TARGET_UNWRITABLE', `there is not enough room: ${shortages.join('; ')}`, {
    hint: 'Make room or raise the quota first; nothing was changed.',
  });
}

/** Asks the kernel. The limits are the hard ones: root may pass them on ext4, and should not; on XFS it cannot. */
export const kernelLimits: ReadLimits = (fd, whose, id) => {
  if (whose === 'file-system') {
    const { bfree, bsize, files, ffree } = statfsSync(`/proc/self/fd/${fd}`);
    return { bytes: bfree * bsize, inodes: files === 0 ? Number.POSITIVE_INFINITY : ffree };
  }
  const device = deviceOf(fd);
  const project = whose === 'project' ? projectOf(fd) : id;
  if (device === null || (whose === 'project' && project === 0)) return null;
  const record = readQuota(device, whose, project);
  return record === null ? null : roomOf(record);
};

function roomOf({ byteLimit, bytes, inodeLimit, inodes }: QuotaRecord): Room {
  const left = (limit: number, used: number): number =>
    limit === 0 ? Number.POSITIVE_INFINITY : limit - used;
  return { bytes: left(byteLimit, bytes), inodes: left(inodeLimit, inodes) };
}

/** The block device that the directory is on, as it is mounted. */
function deviceOf(fd: number): string | null {
  const stat = new Stat();
  if (statFd(fd, stat) < 0) return null;
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const fields = line.split(' ');
    if (fields[2] !== `${stat.deviceMajor}:${stat.deviceMinor}`) continue;
    const source = fields[fields.indexOf('-', 6) + 2];
    if (source?.startsWith('/')) {
      return source.replace(/\\([0-7]{3})/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      );
    }
  }
  return null;
}
