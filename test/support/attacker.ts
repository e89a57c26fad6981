/** Runs `swapper.c`, an unprivileged process that swaps names as fast as it can. Needs gcc. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Attacker {
  /** Stops swapping, so that the directory can be looked at or cleared. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends it. @returns how many exchanges it has made */
  end(): Promise<number>;
}

export function compileSwapper(directory: string): string {
  const binary = join(directory, 'swapper');
  execFileSync('gcc', ['-O2', '-o', binary, join(import.meta.dirname, 'swapper.c')]);
  return binary;
}

/** Swaps each pair of names in `directory`, over and over. Resolves when it has begun. */
export async function attack(
  binary: string,
  directory: string,
  pairs: readonly (readonly [string, string])[],
): Promise<Attacker> {
  const child: ChildProcess = spawn(binary, [directory, ...pairs.flat()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output: Buffer[] = [];
  child.stdout!.on('data', (piece: Buffer) => output.push(piece));
  await once(child.stdout!, 'data');
  return {
    async pause() {
      child.kill('SIGSTOP');
      const stat = `/proc/${child.pid}/stat`;
      while (!/\) T /.test(readFileSync(stat, 'utf8'))) await sleep(1);
    },
    resume: () => void child.kill('SIGCONT'),
    async end() {
      child.kill('SIGCONT');
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
      return Number(Buffer.concat(output).toString().split('\n')[1]);
    },
  };
}
