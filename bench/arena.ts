/**
 * The places where contestants work, kept out of the timings.
 *
 * Every timed run writes into a directory that has never existed; what an earlier run left is removed before, and the
 * disk is at rest when the clock starts.
 */

import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant } from './contestants/contestant.ts';
import { type Command, measure, run, type Sample } from './measure.ts';
import type { MediumTree } from './medium-tree.ts';

export class Arena {
  readonly tree: MediumTree;
  readonly #dir: string;
  /** The newest repository of each contestant, which restores read. */
  readonly #places = new Map<Contestant, string>();
  #made = 0;

  constructor(tree: MediumTree, workDir: string) {
    this.tree = tree;
    this.#dir = join(workDir, 'runs');
    this.clear();
    mkdirSync(this.#dir, { recursive: true });
  }

  /** A full backup of everything into a fresh repository; the former one goes. `cold`: nothing is in memory. */
  backup(contestant: Contestant, { cold = false } = {}): Sample {
    const former = this.#places.get(contestant);
    if (former !== undefined) {
      contestant.elsewhere?.remove(former);
      remove(former);
    }
    const place = this.#fresh(contestant, 'repository');
    contestant.prepare(this.tree, place);
    this.#places.set(contestant, place);
    if (cold) forgetAll();
    return this.#atRest(contestant.backup(this.tree, place));
  }

  /** Restores everything, or one path, and removes it again. */
  restore(contestant: Contestant, path?: string): Sample {
    const { target, sample } = this.#restored(contestant, path);
    remove(target);
    return sample;
  }

  /** Lets somebody look at what was restored before it goes. */
  async inspectRestored(
    contestant: Contestant,
    path: string | undefined,
    look: (target: string) => Promise<void>,
  ): Promise<void> {
    const { target } = this.#restored(contestant, path);
    await look(target);
    remove(target);
  }

  /** Bytes of all files in the newest repository. */
  storedBytes(contestant: Contestant): number {
    if (contestant.elsewhere !== undefined) return contestant.elsewhere.bytes(this.#placeOf(contestant));
    return sizeOf(contestant.repository(this.#placeOf(contestant)));
  }

  /** Reads the tree and all repositories, names and attributes too, into the page cache. */
  warmUp(): void {
    const places = [...this.#places.values()];
    run(['sh', '-c', 'find "$@" -type f -exec cat {} + >/dev/null', 'sh', this.tree.root, ...places]);
    run(['sh', '-c', 'getfattr -R -h -d -m - -- "$1" >/dev/null 2>&1', 'sh', this.tree.root]);
  }

  clear(): void {
    for (const [contestant, place] of this.#places) contestant.elsewhere?.remove(place);
    this.#places.clear();
    remove(this.#dir);
  }

  #restored(contestant: Contestant, path: string | undefined): { target: string; sample: Sample } {
    const [place, target] = [this.#placeOf(contestant), this.#fresh(contestant, 'restored')];
    const commands =
      path === undefined
        ? contestant.restore(this.tree, place, target)
        : contestant.restorePath(this.tree, place, target, path);
    return { target, sample: this.#atRest(commands) };
  }

  #placeOf(contestant: Contestant): string {
    const place = this.#places.get(contestant);
    if (place === undefined) throw new TypeError(`${contestant.name} has not backed up anything yet`);
    return place;
  }

  #fresh({ name }: Contestant, what: string): string {
    this.#made += 1;
    const dir = join(this.#dir, `${String(this.#made).padStart(4, '0')}-${name}-${what}`);
    mkdirSync(dir);
    return dir;
  }

  #atRest(commands: readonly Command[]): Sample {
    run(['sync']);
    return measure(commands, { sync: true });
  }
}

/** Has the kernel give up what it keeps of files: contents, names and inodes. */
function forgetAll(): void {
  run(['sync']);
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

const remove = (path: string): void => rmSync(path, { recursive: true, force: true });

function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.isFile() ? stat.size : 0;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
