/** Directories and small file systems for the tests of the local store. Needs root for the latter. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localStore } from '../../../src/addins/local/index.ts';
import type { Store } from '../../../src/core/index.ts';

export interface Scratch {
  readonly path: string;
  [Symbol.dispose](): void;
}

export function scratchDirectory(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-local-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A tmpfs of this size, mounted in a directory of its own. */
export function smallFileSystem(sizeBytes: number): Scratch & { remount(options: string): void } {
  const outer = scratchDirectory();
  const path = join(outer.path, 'mounted');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'holdfast-test', path]);
  return {
    path,
    remount: (options) => void execFileSync('mount', ['-o', `remount,${options}`, path]),
    [Symbol.dispose]: () => {
      // Lazily: a test that failed half-way may still have a file open.
      execFileSync('umount', ['--lazy', path]);
      outer[Symbol.dispose]();
    },
  };
}

export function openLocal(path: string): Promise<Store> {
  return localStore.open({ use: 'local', path });
}

export const { signal } = new AbortController();

export async function* bodyOf(...chunks: (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}
