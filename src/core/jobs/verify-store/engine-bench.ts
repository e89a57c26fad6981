/**
 * A small account, a store in memory and the whole engine over a provider, to see what becomes of real snapshots.
 *
 * Everything lies in a directory of its own below the system's for temporary files, and goes with it. Needs root, as
 * backups do.
 */

import { createHash } from 'node:crypto';
import {
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStore } from '../../conformance/index.ts';
import type { Account } from '../../contracts/panel.ts';
import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import { openState } from '../../state/state.ts';
import type { OpenAddin } from '../addin.ts';
import { backUp } from '../backup/back-up.ts';
import { CapturePool } from '../capture/pool.ts';
import { listSnapshots, type Snapshot } from '../catalog.ts';
import { restore } from '../restore/restore.ts';
import { verify } from '../verify.ts';

export interface EngineWorld {
  readonly openProvider: (store: Store) => Promise<Provider>;
  readonly now: () => number;
  readonly newObjectId: () => string;
  readonly newUuid: () => string;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
}

export interface EngineBench {
  readonly store: Store;
  /** Changes some of the account's files. */
  change(): Promise<void>;
  /** What is there now, path by path. */
  seen(): Promise<Readonly<Record<string, string>>>;
  backUp(): Promise<Snapshot>;
  /** What a restore of the snapshot gives, path by path. */
  restored(snapshot: Snapshot): Promise<Readonly<Record<string, string>>>;
  /** Whether `verify` with all data is content. */
  isSound(): Promise<boolean>;
}

const ref = { name: 'trial', version: '1.0.0', contract: 1 };

export async function withEngineBench(
  world: EngineWorld,
  work: (bench: EngineBench) => Promise<void>,
): Promise<void> {
  const { now, newUuid, newObjectId, randomBytes, signal } = world;
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-trial-'));
  const pool = new CapturePool({ threads: 1, now });
  try {
    const tree = join(directory, 'tree');
    const stateDir = join(directory, 'state');
    await makeTree(tree, randomBytes);
    await mkdir(stateDir, { mode: 0o700 });
    const store = memoryStore({ now });
    const provider = await world.openProvider(store);
    const addin: OpenAddin = {
      name: 'trial',
      id: 'a'.repeat(32),
      store,
      provider,
      encryption: 'none',
      storeRef: ref,
      providerRef: ref,
    };
    const state = await openState(stateDir, {
      now,
      newUuid,
      machineId: async () => 'trial',
      readXattr: async () => null,
      readStamp: async () => null,
      writeXattr: async () => {},
    });
    let restores = 0;
    await work({
      store,
      change: () => changeTree(tree, randomBytes),
      seen: () => shapeOf(tree),
      async backUp() {
        const failures: unknown[] = [];
        let snapshot: Snapshot | null = null;
        await backUp({
          addin,
          panelRef: ref,
          accounts: [accountOf(tree)],
          engines: [],
          state,
          stateDir,
          level: 'auto',
          concurrency: 1,
          pool,
          world: { now, newObjectId, newUuid },
          signal,
          onEvent: (event) => {
            if (event.type !== 'ended') return;
            snapshot = event.outcome.snapshot;
            failures.push(event.outcome.error);
          },
        });
        if (snapshot === null) throw failures[0] ?? new Error('no snapshot was made');
        return snapshot;
      },
      async restored(snapshot) {
        restores += 1;
        const target = join(directory, `restored-${restores}`);
        const scope = { paths: [], databases: [], everything: true, resume: false };
        await restore({ provider, snapshot, target, ...scope, threads: 1, signal, onEvent: () => {} });
        return shapeOf(join(target, 'web'));
      },
      async isSound() {
        const snapshots = await listSnapshots(store, {}, signal);
        const request = { provider, store, snapshots, readData: true, threads: 1, signal, onEvent: () => {} };
        return (await verify(request)).exitStatus === 0;
      },
    });
  } finally {
    await pool.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const accountOf = (path: string): Account => ({
  site: 'trial',
  home: null,
  domain: 'trial.invalid',
  aliases: [],
  plan: null,
  state: 'active',
  problem: null,
  owner: null,
  trees: [{ name: 'web', path, exclude: [] }],
  databases: [],
  metadata: {},
});

async function makeTree(tree: string, randomBytes: EngineWorld['randomBytes']): Promise<void> {
  await mkdir(join(tree, 'a/b/c'), { recursive: true });
  await mkdir(join(tree, 'empty'));
  await writeFile(join(tree, 'a/large'), randomBytes(300_000));
  await writeFile(join(tree, 'a/b/nothing'), '');
  await writeFile(join(tree, 'a/b/c/kept \n name'), randomBytes(5000));
  await writeFile(join(tree, 'gone'), randomBytes(100));
  await link(join(tree, 'a/large'), join(tree, 'linked'));
  await symlink('a/b', join(tree, 'link'));
  await chmod(join(tree, 'a/b/nothing'), 0o640);
}

async function changeTree(tree: string, randomBytes: EngineWorld['randomBytes']): Promise<void> {
  await appendFile(join(tree, 'a/large'), randomBytes(1000));
  await rm(join(tree, 'gone'));
  await writeFile(join(tree, 'a/new'), randomBytes(20_000));
}

async function shapeOf(root: string): Promise<Readonly<Record<string, string>>> {
  const shape: Record<string, string> = {};
  for (const name of (await readdir(root, { recursive: true })).sort()) {
    const path = join(root, name);
    const { mode, mtimeMs, nlink, uid, gid } = await lstat(path);
    const kind = mode & 0o170000;
    const links = kind === 0o040000 ? '' : nlink;
    const content =
      kind === 0o100000
        ? createHash('sha256')
            .update(await readFile(path))
            .digest('hex')
        : kind === 0o120000
          ? await readlink(path)
          : '';
    shape[name] = `${mode.toString(8)} ${uid}:${gid} ${Math.round(mtimeMs)} ${links} ${content}`;
  }
  return shape;
}
