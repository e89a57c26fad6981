/**
 * A laboratory for the jobs: a store (a fresh local one, or any), its provider, a state.
 *
 * Drives the jobs as the commands do, without configuration or panel. Needs root. The laboratories of one process
 * share their threads, of which a start costs more than most tests do; idle ones do not keep the process alive.
 */

import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chainProvider } from '../../src/addins/chain/index.ts';
import { localStore } from '../../src/addins/local/index.ts';
import { s3TarProvider } from '../../src/addins/s3-tar/index.ts';
import { newKeyPair } from '../../src/core/age/x25519.ts';
import type { DatabaseEngine } from '../../src/core/contracts/database.ts';
import type { Account, DatabaseSelector, Tree } from '../../src/core/contracts/panel.ts';
import type { RequestedLevel } from '../../src/core/contracts/provider.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import { type Identity, identityOf } from '../../src/core/encryption/identities.ts';
import { openKeyRing } from '../../src/core/encryption/key-ring.ts';
import { identityText } from '../../src/core/encryption/key-text.ts';
import { type KeyedProvider, withKeys } from '../../src/core/encryption/keyed-provider.ts';
import type { OpenAddin } from '../../src/core/jobs/addin.ts';
import type { AccountSteps } from '../../src/core/jobs/backup/account-steps.ts';
import { type AccountOutcome, type BackUpReport, backUp } from '../../src/core/jobs/backup/back-up.ts';
import { CapturePool } from '../../src/core/jobs/capture/pool.ts';
import { listSnapshots, type Snapshot } from '../../src/core/jobs/catalog.ts';
import { findSnapshot } from '../../src/core/jobs/find-snapshot.ts';
import { restore } from '../../src/core/jobs/restore/restore.ts';
import { RestoreThreads } from '../../src/core/jobs/restore/restore-threads.ts';
import type { RestoreReport, RestoreRequest } from '../../src/core/jobs/restore/types.ts';
import { verify } from '../../src/core/jobs/verify.ts';
import type { VerifyReport } from '../../src/core/jobs/verify-types.ts';
import { openState, type State } from '../../src/core/state/state.ts';

/** A tree's path, or the tree with its exclusions. */
export type LabTree = string | Omit<Tree, 'name'>;

export interface LabBackup {
  readonly engines?: readonly DatabaseEngine[];
  readonly databases?: readonly DatabaseSelector[];
  readonly now?: () => number;
  /** `auto` where nothing is said. */
  readonly level?: RequestedLevel;
  readonly steps?: AccountSteps;
  /** Reads every file. */
  readonly checksum?: boolean;
  readonly allowPlaintext?: boolean;
  readonly signal?: AbortSignal;
}

export interface LabOptions {
  /** Instead of a local one; closed with the laboratory. */
  readonly store?: Store;
  /** Where the store is said to be. */
  readonly place?: string;
  /**
   * Everything is encrypted for a new administrator, whose identity the provider of the laboratory has. Where
   * nothing is said: with LAB_ENCRYPTED=1 in the environment, so that any suite can run encrypted.
   */
  readonly encrypted?: boolean;
  /** Settings of the provider chain, which then takes the place of s3-tar. */
  readonly chain?: Readonly<Record<string, unknown>>;
  readonly threads?: number;
  /** Size at which index pages are closed, so that few files fill many. */
  readonly pageBytes?: number;
  /** Clock of the capture threads. One that is ahead marks nothing as just changed. */
  readonly now?: () => number;
}

export interface Lab {
  readonly addin: OpenAddin;
  readonly state: State;
  readonly stateDir: string;
  readonly store: Store;
  readonly provider: KeyedProvider;
  /** Of the local store; with another store, where a copy of it may be put for `rescue`. */
  readonly storePath: string;
  readonly pool: CapturePool;
  /** Backs up one account, `site1`. @throws whatever made it fail as a whole */
  backUp(
    trees: Readonly<Record<string, LabTree>>,
    options?: LabBackup,
  ): Promise<{ readonly snapshot: Snapshot; readonly exitStatus: number }>;
  /** The run's report, also where the account failed. */
  run(
    trees: Readonly<Record<string, LabTree>>,
    options?: LabBackup,
  ): Promise<BackUpReport & { readonly outcomes: readonly AccountOutcome[] }>;
  /** Of the latest snapshot, whole, where nothing else is said. */
  restore(target: string, options?: Partial<RestoreRequest>): Promise<RestoreReport>;
  /** Of every snapshot in the store. */
  verify(readData: boolean): Promise<VerifyReport>;
  latest(): Promise<Snapshot>;
  /** Runs the `rescue.py` that lies in `storePath`. */
  rescue(...args: readonly string[]): Promise<RescueOutcome>;
  close(): Promise<void>;
}

export interface RescueOutcome {
  readonly status: number;
  readonly stdout: string;
  /** What it could not do, one line each, without the word `problem: `. */
  readonly problems: readonly string[];
  readonly stderr: string;
}

const signal = new AbortController().signal;
const ref = { name: 'lab', version: '1.0.0', contract: 1 };
export const labThreads = 2;
const verifyThreads = new RestoreThreads(labThreads);
/** A clock for capture threads by which files written a moment ago are not racy. One function, so that its threads are shared. */
export const ahead = (): number => Date.now() + 60_000;
let pools: { readonly pool: CapturePool; readonly settings: readonly unknown[] }[] = [];

/** For the end of a test file: ends the threads that no other file of this process will ask for. */
export async function endOwnThreads(): Promise<void> {
  const isUsual = ({ settings: [threads, now, pageBytes] }: (typeof pools)[number]): boolean =>
    threads === labThreads && (now === Date.now || now === ahead) && pageBytes === undefined;
  const own = pools.filter((one) => !isUsual(one));
  pools = pools.filter(isUsual);
  await Promise.all(own.map(({ pool }) => pool.close()));
}

function sharedPool(threads: number, now: () => number, pageBytes: number | undefined): CapturePool {
  const settings = [threads, now, pageBytes];
  const known = pools.find((one) => one.settings.every((setting, index) => setting === settings[index]));
  if (known !== undefined) return known.pool;
  const pool = new CapturePool({ threads, now, ...(pageBytes === undefined ? {} : { pageBytes }) });
  pools.push({ pool, settings });
  return pool;
}

/** Of the laboratory in this directory; its identity file is `directory/identity`. */
async function labAdministrator(directory: string): Promise<Identity> {
  const path = join(directory, 'identity');
  if (!existsSync(path)) {
    // Several processes may begin at once: the first one counts.
    const own = `${path}.${process.pid}`;
    writeFileSync(own, `${identityText(newKeyPair().privateKey)}\n`, { mode: 0o600 });
    try {
      linkSync(own, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    rmSync(own);
  }
  return (await identityOf(readFileSync(path, 'utf8').trim()))!;
}

/** Makes `directory/store` and `directory/state`, or goes on in them. */
export async function openLab(directory: string, options: LabOptions = {}): Promise<Lab> {
  process.umask(0o77);
  const storePath = join(directory, 'store');
  const stateDir = join(directory, 'state');
  mkdirSync(stateDir, { recursive: true });
  const store = options.store ?? (await localStore.open({ use: 'local', path: storePath }));
  const plain =
    options.chain === undefined
      ? await s3TarProvider.open({ store, settings: { use: 's3-tar' } })
      : await chainProvider.open({ store, settings: { use: 'chain', ...options.chain } });
  const { encrypted = process.env['LAB_ENCRYPTED'] === '1' } = options;
  const admin = encrypted ? await labAdministrator(directory) : null;
  const identities = admin === null ? [] : [admin];
  const keys = admin === null ? null : openKeyRing({ store, provider: plain, identities, signal });
  const provider = admin === null ? plain : withKeys(plain, { keys });
  const addin: OpenAddin = {
    name: 'nightly',
    id: 'a'.repeat(32),
    store,
    ...(options.place === undefined ? {} : { place: options.place }),
    provider,
    encryption: admin === null ? 'none' : { recipients: [admin.recipient] },
    storeRef: ref,
    providerRef: ref,
  };
  const { threads = labThreads, pageBytes } = options;
  const pool = sharedPool(threads, options.now ?? Date.now, pageBytes);
  const state = await openState(stateDir, {
    now: Date.now,
    newUuid: randomUUID,
    machineId: async () => 'lab',
    readXattr: async () => null,
    readStamp: async () => null,
    writeXattr: async () => {},
  });
  const run: Lab['run'] = async (trees, options = {}) => {
    const outcomes: AccountOutcome[] = [];
    const report = await backUp({
      addin,
      panelRef: ref,
      accounts: [accountOf(trees, options.databases ?? [])],
      engines: options.engines ?? [],
      state,
      stateDir,
      level: options.level ?? 'auto',
      checksum: options.checksum ?? false,
      allowPlaintext: options.allowPlaintext ?? false,
      concurrency: 1,
      pool,
      world: {
        now: options.now ?? Date.now,
        newObjectId: () => randomBytes(16).toString('hex'),
        newUuid: randomUUID,
      },
      signal: options.signal ?? signal,
      onEvent: (event) => {
        if (event.type === 'ended') outcomes.push(event.outcome);
      },
      ...(options.steps === undefined ? {} : { steps: options.steps }),
    });
    return { ...report, outcomes };
  };
  const latest: Lab['latest'] = async () =>
    findSnapshot(provider, await listSnapshots(store, {}, signal), 'latest', signal);
  return {
    addin,
    state,
    stateDir,
    store,
    provider,
    storePath,
    pool,
    run,
    latest,
    async backUp(trees, options) {
      const { outcomes, exitStatus } = await run(trees, options);
      const [outcome] = outcomes;
      if (outcome?.snapshot) return { snapshot: outcome.snapshot, exitStatus };
      throw outcome?.error ?? new Error('no account was backed up');
    },
    restore: async (target, options = {}) =>
      restore({
        provider,
        snapshot: options.snapshot ?? (await latest()),
        target,
        paths: [],
        databases: [],
        everything: options.paths === undefined && options.databases === undefined,
        resume: false,
        threads: labThreads,
        signal,
        onEvent: () => {},
        ...options,
      }),
    verify: async (readData) =>
      verify({
        provider,
        store,
        snapshots: await listSnapshots(store, {}, signal),
        readData,
        threads: labThreads,
        pool: verifyThreads,
        signal,
        onEvent: () => {},
      }),
    rescue: (...args) =>
      runRescue(storePath, admin === null ? args : [...args, '--identity', join(directory, 'identity')]),
    close: () => store.close(),
  };
}

function accountOf(
  trees: Readonly<Record<string, LabTree>>,
  databases: readonly DatabaseSelector[],
): Account {
  const treeOf = ([name, tree]: [string, LabTree]): Tree =>
    typeof tree === 'string' ? { name, path: tree, exclude: [] } : { name, ...tree };
  return {
    site: 'site1',
    home: null,
    domain: 'lab.example',
    aliases: [],
    plan: null,
    state: 'active',
    problem: null,
    owner: null,
    trees: Object.entries(trees).map(treeOf),
    databases,
    metadata: {},
  };
}

/** Runs the `rescue.py` that lies in a store. */
export function runRescue(
  storePath: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<RescueOutcome> {
  const child = spawn('python3', ['-B', 'rescue.py', ...args], { cwd: storePath, env });
  const [out, complaints]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      const stderr = Buffer.concat(complaints).toString();
      const problems = stderr
        .split('\n')
        .filter((line) => line.startsWith('problem: '))
        .map((line) => line.slice('problem: '.length));
      resolve({ status: status ?? -1, stdout: Buffer.concat(out).toString(), problems, stderr });
    });
  });
}
