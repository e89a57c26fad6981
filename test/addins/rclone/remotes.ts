/** Remotes for the tests of the rclone store: a configuration file, and stores over what it names. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rcloneStore } from '../../../src/addins/rclone/index.ts';
import type { Store } from '../../../src/core/index.ts';

/** Never aborted: each test has its own limit, and one of the file would abort its last tests on a busy machine. */
export const signal = new AbortController().signal;

export interface Remotes {
  readonly path: string;
  readonly config: string;
  /** A remote of that name; `data` of each kind lies below `path`. */
  add(name: string, options: Readonly<Record<string, string>>): void;
  open(remote: string, settings?: Readonly<Record<string, unknown>>): Promise<Store>;
  /** Closes all stores and removes all data. */
  remove(): Promise<void>;
}

export function makeRemotes(): Remotes {
  const path = mkdtempSync('/tmp/holdfast-rclone-');
  const config = join(path, 'rclone.conf');
  const stores: Store[] = [];
  let sections = '';
  const remotes: Remotes = {
    path,
    config,
    add(name, options) {
      const lines = Object.entries(options).map(([key, value]) => `${key} = ${value}`);
      sections += `[${name}]\n${lines.join('\n')}\n`;
      writeFileSync(config, sections, { mode: 0o600 });
    },
    async open(remote, settings = {}) {
      const store = await rcloneStore.open({ use: 'rclone', remote, config, ...settings });
      stores.push(store);
      return store;
    },
    async remove() {
      await Promise.all(stores.map((store) => store.close()));
      rmSync(path, { recursive: true, force: true });
    },
  };
  mkdirSync(join(path, 'data'));
  remotes.add('files', { type: 'alias', remote: join(path, 'data') });
  return remotes;
}

export const obscured = (password: string): string =>
  execFileSync('rclone', ['obscure', '-'], { input: password, encoding: 'utf8' }).trim();

export async function* bodyOf(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

export async function read(store: Store, key: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.get({ key, signal })));
}
