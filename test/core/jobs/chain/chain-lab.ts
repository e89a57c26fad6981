/** A laboratory for chains: a small tree, a lab with the provider chain, and words for what a snapshot stored. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Entry } from '../../../../src/core/archive/entry.ts';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { openIndex } from '../../../../src/core/jobs/index-reader.ts';
import { ahead, type Lab, type LabBackup, type LabOptions, openLab } from '../../../support/backup.ts';
import { compareTrees } from '../../../support/compare-trees.ts';

const signal = new AbortController().signal;

export interface ChainLab {
  readonly directory: string;
  readonly tree: string;
  readonly lab: Lab;
  at(path: string): string;
  /** Writes a file, with the directories above it. */
  write(path: string, content: string | Buffer): void;
  full(options?: LabBackup): Promise<Snapshot>;
  incremental(options?: LabBackup): Promise<Snapshot>;
  /** Fails where Holdfast or `rescue.py` does not restore the tree as it is now, from the latest snapshot or this one. */
  expectRestorable(snapshot?: Snapshot): Promise<void>;
  entry(snapshot: Snapshot, path: string): Promise<Entry | null>;
  /** Pages of entries and of links that the snapshot does not refer to but holds itself. */
  ownPages(snapshot: Snapshot): Promise<number>;
  /** All entries of a snapshot but for the places of their content, and the inodes that have link records. */
  described(snapshot: Snapshot): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openChainLab(options: LabOptions = {}, base = tmpdir()): Promise<ChainLab> {
  const directory = mkdtempSync(join(base, 'holdfast-chain-'));
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  const lab = await openLab(directory, { chain: { rereadEvery: 100_000 }, now: ahead, ...options });
  const at = (path: string): string => join(tree, path);
  const backUp = async (more: LabBackup): Promise<Snapshot> =>
    (await lab.backUp({ shadow: tree }, more)).snapshot;
  return {
    directory,
    tree,
    lab,
    at,
    write(path, content) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), content);
    },
    full: (more = {}) => backUp({ level: 'full', ...more }),
    incremental: (more = {}) => backUp({ level: 'incremental', ...more }),
    async expectRestorable(given) {
      const snapshot = given ?? (await lab.latest());
      const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')];
      const { failures } = await lab.restore(ours, { snapshot });
      const { problems } = await lab.rescue('restore', snapshot.name, '--to', theirs);
      const differences = [
        ...(await compareTrees(tree, join(ours, 'shadow'))).differences,
        ...(await compareTrees(tree, join(theirs, 'shadow'))).differences,
      ];
      for (const path of [ours, theirs]) rmSync(path, { recursive: true });
      if (failures.length > 0 || problems.length > 0 || differences.length > 0) {
        throw new Error(JSON.stringify({ failures, problems, differences }, null, 2));
      }
    },
    entry: async (snapshot, path) =>
      (await openIndex(lab.provider, snapshot, signal)).lookup(Buffer.from(`shadow/${path}`)),
    async ownPages(snapshot) {
      const { root } = await openIndex(lab.provider, snapshot, signal);
      const own = [...root.pages, ...root.linkPages].filter(
        ({ object }) => object === snapshot.body.index?.object,
      );
      return own.length;
    },
    async described(snapshot) {
      const index = await openIndex(lab.provider, snapshot, signal);
      const entries = [];
      for await (const { content, path, ...rest } of index.entries()) {
        entries.push({ ...rest, path: path.toString(), sha256: content?.sha256?.toString('hex') });
      }
      const links = [];
      for await (const { inode, content } of index.linkRecords()) {
        links.push({ inode, sha256: content.sha256?.toString('hex') });
      }
      return { entries, links };
    },
    async [Symbol.asyncDispose]() {
      await lab.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Bytes of tar that a snapshot stored anew. */
export const newTarBytes = (snapshot: Snapshot): number => snapshot.body.counts.tarBytes;

/** How many objects of each kind a snapshot wrote, e.g. `index 1, segment 2`. */
export function wrote(snapshot: Snapshot): string {
  const kinds = Map.groupBy(snapshot.header.objects, ({ kind }) => kind);
  return [...kinds]
    .map(([kind, objects]) => `${kind} ${objects.length}`)
    .sort()
    .join(', ');
}
