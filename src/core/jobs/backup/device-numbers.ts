/**
 * Numbers the devices that an account's trees lie on, within one snapshot. Trees on one device share its number, so that hard
 * links between them are recognised. Threads open the roots later: one that lies on another device by then has the wrong number.
 */

import type { Tree } from '../../contracts/panel.ts';
import { AT_FDCWD, Stat, statAt, zName } from '../../filesystem/native.ts';
import type { CaptureTree } from '../capture/messages.ts';
import { deviceText } from '../capture/open-root.ts';

export interface NumberedTree {
  readonly tree: CaptureTree;
  /** False where it cannot be looked at: its device is then nobody else's. */
  readonly isThere: boolean;
}

/**
 * @param numberBefore what the snapshot to compare with says of a tree's device. It is kept where it can be: a tree that is
 *   missing for a night must not change the numbers of the others, whose files would all be stored anew
 */
export function numberDevices(
  trees: readonly Tree[],
  numberBefore: (name: string) => number | undefined,
): NumberedTree[] {
  const numbers = new Map<string, number>();
  const before = trees.map(({ name }) => numberBefore(name) ?? -1);
  let free = Math.max(-1, ...before) + 1;
  const devices = trees.map(({ path }) => deviceAt(path));
  const numberOf = (device: string | null, preferred: number): number => {
    const known = device === null ? undefined : numbers.get(device);
    if (known !== undefined) return known;
    const isFree = device !== null && preferred >= 0 && ![...numbers.values()].includes(preferred);
    const number = isFree ? preferred : free++;
    if (device !== null) numbers.set(device, number);
    return number;
  };
  const given = new Map<Tree, number>();
  // A tree that is new, or back again, takes the number that another one has kept for their device.
  for (const hasNumber of [true, false]) {
    for (const [i, tree] of trees.entries())
      if (before[i]! >= 0 === hasNumber) given.set(tree, numberOf(devices[i]!, before[i]!));
  }
  return trees.map((tree, i) => {
    const { name, path, exclude, include } = tree;
    const seenOn = devices[i] ?? null;
    const seen = seenOn === null ? {} : { seenOn };
    const base = { name, path, device: given.get(tree)!, ...seen, exclude };
    return { tree: include === undefined ? base : { ...base, include }, isThere: seenOn !== null };
  });
}

function deviceAt(path: string): string | null {
  const stat = new Stat();
  return statAt(AT_FDCWD, zName(path), stat) === 0 ? deviceText(stat) : null;
}
