/** Proof that what is measured is a restore: all is back, and equal to its source in each detail. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareTrees } from '../test/support/compare-trees.ts';
import type { Arena } from './arena.ts';
import type { Contestant } from './contestants/contestant.ts';
import { pathOfOneFile, pathsOf } from './medium-tree.ts';

export interface Fidelity {
  readonly entries: number;
  readonly differences: number;
}

/** Restores the newest backup, untimed, and compares; prints the first differences. */
export async function checkFidelity(arena: Arena, contestant: Contestant): Promise<Fidelity> {
  const { tree } = arena;
  let [entries, differences] = [0, 0];
  await arena.inspectRestored(contestant, undefined, async (target) => {
    for (const path of pathsOf(tree)) {
      const found = await compareTrees(join(tree.root, path), contestant.restored(tree, target, path));
      entries += found.entries;
      for (const one of found.differences.slice(0, Math.max(0, 10 - differences))) {
        console.log(`${path}/${one.path}: ${one.field}: ${one.a} -> ${one.b}`);
      }
      differences += found.differences.length;
    }
  });
  return { entries, differences };
}

/** Throws where the one file does not come back: a peer that finds nothing would be fast. */
export async function checkOneFile(arena: Arena, contestant: Contestant): Promise<void> {
  if (contestant.knowsFiles === false) return;
  const { tree } = arena;
  const path = pathOfOneFile(tree);
  await arena.inspectRestored(contestant, path, async (target) => {
    const [source, copy] = [join(tree.root, path), contestant.restored(tree, target, path)];
    if (!readFileSync(source).equals(readFileSync(copy))) throw new Error(`${contestant.name} lost ${path}`);
  });
}
