/** Holdfast itself: the built package as it is installed, or the source. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptionIn } from '../encryption.ts';
import { type Command, run } from '../measure.ts';
import type { MediumTree } from '../medium-tree.ts';
import type { Service } from '../service.ts';
import { bucketOf, inBuckets, keysOf, makeBucket } from '../service.ts';
import type { Contestant } from './contestant.ts';

const virtual = 'home/virtual/';
const checkout = join(import.meta.dirname, '../..');

export interface Holdfast extends Contestant {
  /** The command line that prints the version. */
  readonly versionCommand: Command;
}

export interface HoldfastSettings {
  /** Runs the source; the built package otherwise, which must be there. */
  readonly source: boolean;
  readonly encrypted?: boolean;
}

export function buildPackage(): void {
  run([process.execPath, join(checkout, 'scripts/build.mjs')], { cwd: checkout });
}

/** Stores in a directory, or with a service in a bucket. */
export function holdfast({ source, encrypted = false }: HoldfastSettings, service?: Service): Holdfast {
  const program = [process.execPath, join(checkout, source ? 'src/cli/main.ts' : 'dist/cli/main.js')];
  const at = (place: string, ...rest: string[]): Command => ({
    stages: [[...program, '--config', join(place, 'config'), '--quiet', ...rest]],
    ...(service === undefined ? {} : { env: keysOf(service) }),
  });
  const how = encrypted ? 'encrypted' : 'not encrypted';
  const restore = (place: string, target: string, account: string, ...rest: string[]): Command =>
    at(place, 'restore', 'latest', '--account', account, '--to', join(target, account), ...rest);
  return {
    name: encrypted ? 'holdfast-encrypted' : 'holdfast',
    version: run([...program, '--version']).trim(),
    settings:
      service === undefined
        ? `s3-tar provider, local store, ${how}, fsync of every object`
        : `s3-tar provider, s3 store with its defaults, ${how}`,
    prepare: (tree, place) => {
      if (service !== undefined) makeBucket(service, bucketOf(place));
      writeConfiguration(tree, place, storeSettings(place, service), encrypted);
    },
    ...(service === undefined ? {} : { elsewhere: inBuckets(service) }),
    backup: (_tree, place) => [at(place, 'backup', '--addin', 'bench')],
    restore: (_tree, place, target) => [at(place, 'restore', 'latest', '--all', '--to', target)],
    restorePath: (_tree, place, target, path) => {
      const [account, ...below] = path.slice(virtual.length).split('/');
      return [restore(place, target, account!, ...(below.length === 0 ? [] : ['--path', below.join('/')]))];
    },
    repository: (place) => join(place, 'store'),
    restored: (_tree, target, path) => join(target, path.slice(virtual.length)),
    versionCommand: { stages: [[...program, '--version']] },
  };
}

function storeSettings(place: string, service: Service | undefined): object {
  if (service === undefined) return { use: 'local', path: join(place, 'store') };
  return {
    use: 's3',
    endpoint: service.endpoint,
    bucket: bucketOf(place),
    accessKeyId: 'env:AWS_ACCESS_KEY_ID',
    secretAccessKey: 'env:AWS_SECRET_ACCESS_KEY',
  };
}

function writeConfiguration({ root }: MediumTree, place: string, store: object, encrypted: boolean): void {
  const config = join(place, 'config');
  mkdirSync(join(config, 'addins.d'), { recursive: true });
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(config, name), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  write('config.json', { panel: { use: 'apiscp', root }, databases: [], concurrency: 2 });
  write('addins.d/bench.json', {
    name: 'bench',
    provider: { use: 's3-tar' },
    store,
    accounts: { include: ['site*'], exclude: [] },
    schedule: [],
    encryption: encryptionIn(place, encrypted),
  });
}
