/**
 * Which unchanged files are read again in a run: a share of them, another one in each, so that all have their turn.
 *
 * It follows from the path alone. The sum goes on from that of a directory to those of its names.
 */

import type { CaptureParent } from './messages.ts';

/** Of a path as latin1. */
export function pathSum(path: string): number {
  let sum = 0;
  for (let i = 0; i < path.length; i++) sum = (Math.imul(sum, 31) + path.charCodeAt(i)) >>> 0;
  return sum;
}

/** Of a path that lies in `bytes`, or of one that consists of a directory whose sum is `before`, and a name that lies there. */
export function bytesSum(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let sum = before;
  for (let i = from; i < to; i++) sum = (Math.imul(sum, 31) + bytes[i]!) >>> 0;
  return sum;
}

export function isDue(path: string, parent: CaptureParent): boolean {
  return isSumDue(pathSum(path), parent);
}

export function isSumDue(sum: number, { rereadEvery, turn }: CaptureParent): boolean {
  return sum % rereadEvery === turn % rereadEvery;
}
