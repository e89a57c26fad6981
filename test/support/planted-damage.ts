/**
 * Plants one damage of a chosen kind in each of several snapshots of a store, and asks `verify --read-data`
 * which objects are wrong: it must name all of those and no others.
 */

import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import type { ManifestHeader } from '../../src/core/archive/manifest.ts';
import { type Signer, sealLine } from '../../src/core/archive/seal.ts';
import { type ListedSnapshot, listSnapshots } from '../../src/core/jobs/catalog.ts';
import { openTrust } from '../../src/core/jobs/trust.ts';
import { verify } from '../../src/core/jobs/verify.ts';
import { readLastSnapshots } from '../../src/core/state/lineages.ts';
import { openSigner } from '../../src/core/state/signing-key.ts';
import { type Lab, openLab } from './backup.ts';
import { cannedEngine, cannedSelector } from './canned-engine.ts';
import { seededRandom } from './seeded-random.ts';

export const damageKinds = ['flip', 'head', 'truncate', 'swap', 'older', 'missing', 'foreign'] as const;
export type DamageKind = (typeof damageKinds)[number];

export interface Planted {
  readonly kind: DamageKind;
  readonly key: string;
}

export interface DamageField {
  /** Plants a round of damage, one for each snapshot but the first and the last, and undoes it again. */
  round(): Promise<{ readonly planted: readonly Planted[]; readonly found: readonly string[] }>;
  close(): Promise<void>;
}

const { signal } = new AbortController();
const stranger = '99999999-9999-4999-8999-999999999999';

/** Independent fulls of an account with files and a database, encrypted or not; `snapshots` of them. */
export async function openDamageField(
  directory: string,
  snapshots: number,
  seed: number,
  encrypted = false,
): Promise<DamageField> {
  const random = seededRandom(seed);
  const tree = join(directory, 'tree');
  mkdirSync(tree, { recursive: true });
  const lab = await openLab(directory, { encrypted });
  for (let i = 0; i < snapshots; i++) {
    writeFileSync(join(tree, `page-${i}`), randomBytes(20_000 + i));
    const engines = [cannedEngine({ shop: `INSERT INTO t VALUES (${i});\n`.repeat(50) })];
    await lab.backUp({ shadow: tree }, { level: 'full', engines, databases: [cannedSelector] });
  }
  const thief = await openSigner(join(directory, 'thief'), stranger);
  const kept = join(directory, 'kept');
  cpSync(lab.storePath, kept, { recursive: true });
  const listed = await listSnapshots(lab.store, {}, signal);
  const keysOf = listed.map((one) => [one.key, ...objectsOf(lab, one)]);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  let turn = 0;
  return {
    async round() {
      const planted: Planted[] = [];
      for (let i = 1; i < listed.length - 1; i++) {
        const kind = damageKinds[turn++ % damageKinds.length]!;
        const manifest = kind === 'foreign' || random() < 0.25;
        // Two missing neighbours would be told as one gap.
        const gone = planted.some((one) => one.kind === 'missing' && one.key.startsWith('manifests/'));
        const key = manifest && !(kind === 'missing' && gone) ? keysOf[i]![0]! : pick(keysOf[i]!.slice(1));
        const others = keysOf.filter((_, j) => j !== i).flat();
        damage(lab, kind, key, { others, older: keysOf[i - 1]!, thief, random });
        planted.push({ kind, key });
      }
      try {
        return { planted, found: await wrongObjects(lab, listed) };
      } finally {
        rmSync(lab.storePath, { recursive: true });
        cpSync(kept, lab.storePath, { recursive: true });
      }
    },
    close: () => lab.close(),
  };
}

function objectsOf(lab: Lab, { key }: ListedSnapshot): string[] {
  const [line] = readFileSync(join(lab.storePath, key), 'utf8').split('\n', 1);
  return (JSON.parse(line!) as ManifestHeader).objects.map((object) => object.key);
}

interface Means {
  readonly others: readonly string[];
  readonly older: readonly string[];
  readonly thief: Signer;
  readonly random: () => number;
}

const endOf = (key: string): string => /\.[a-z.]+$/.exec(key)?.[0] ?? '';

function damage(lab: Lab, kind: DamageKind, key: string, means: Means): void {
  const path = join(lab.storePath, key);
  const bytes = damaged(lab, kind, key, means);
  if (bytes === null) rmSync(path);
  else writeFileSync(path, bytes);
}

/** Null where the object goes. Never what is there. */
function damaged(lab: Lab, kind: DamageKind, key: string, means: Means): Buffer | null {
  const { others, older, thief, random } = means;
  const bytes = readFileSync(join(lab.storePath, key));
  // The head of an age file holds the key; of an altered one it must not be said that it is for another key.
  const at = Math.floor(random() * (kind === 'head' ? Math.min(bytes.length, 184) : bytes.length));
  if (kind === 'missing') return null;
  if (kind === 'truncate') return bytes.subarray(0, at);
  if (kind === 'foreign') return foreign(bytes, key, thief);
  if (kind === 'swap' || kind === 'older') {
    const alike = (kind === 'swap' ? others : older)
      .filter((one) => endOf(one) === endOf(key) && one.split('/')[0] === key.split('/')[0])
      .map((one) => readFileSync(join(lab.storePath, '..', 'kept', one)))
      .find((one) => !one.equals(bytes));
    if (alike !== undefined) return alike;
  }
  bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8));
  return bytes;
}

/** Whole in itself, and of another's making. */
function foreign(bytes: Buffer, key: string, thief: Signer): Buffer {
  if (!key.startsWith('manifests/')) return zstdCompressSync(randomBytes(bytes.length));
  const seal = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
  const lines = bytes.subarray(0, seal);
  return Buffer.concat([lines, Buffer.from(sealLine(lines, thief))]);
}

/** Keys that verify names: of objects, of manifests, and of the manifests before a gap. */
async function wrongObjects(lab: Lab, listed: readonly ListedSnapshot[]): Promise<string[]> {
  const { addin, store, provider, stateDir, state } = lab;
  const server = state.server.uuid;
  const report = await verify({
    store,
    provider,
    snapshots: await listSnapshots(store, {}, signal),
    wholeHistories: true,
    remembered: [...(await readLastSnapshots(stateDir, addin.id))].map(([owner, last]) => ({
      ...{ server, owner, addin: addin.id },
      last,
    })),
    trust: await openTrust(stateDir, []),
    readData: true,
    threads: 1,
    signal,
    onEvent: () => {},
  });
  const found = report.snapshots.flatMap(({ key, problems }) =>
    problems.map(({ object }) => object ?? `in ${key}`),
  );
  const missing = report.histories
    .filter(({ kind }) => kind === 'gap')
    .flatMap(({ message }) => {
      const sequence = Number(/snapshot (\d+) of its sequence is missing/.exec(message)?.[1]);
      return listed.filter((one) => one.sequence === sequence).map(({ key }) => key);
    });
  return [...new Set([...found.filter((one) => !one.startsWith('in ')), ...missing])];
}
