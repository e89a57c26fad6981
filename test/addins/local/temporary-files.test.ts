import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bodyOf, openLocal, scratchDirectory, signal } from './scratch.ts';

/** Starts a process that is in the middle of a put when this resolves. */
async function startPutting(root: string, key: string) {
  const script = join(import.meta.dirname, 'putting-child.ts');
  const child = spawn(process.execPath, [script, root, key], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('the unfinished file of a process', () => {
  it('goes with the next put of another process once its own was killed', async () => {
    using scratch = scratchDirectory();
    const child = await startPutting(scratch.path, 'data/killed');
    await child.kill();
    expect(readdirSync(join(scratch.path, '.tmp~'))).toHaveLength(1);

    const store = await openLocal(scratch.path);
    expect((await store.list({ prefix: '', signal })).objects).toEqual([]);
    await store.put({ key: 'data/killed', body: bodyOf('again'), createOnly: true, signal });

    expect(readdirSync(join(scratch.path, '.tmp~'))).toEqual([]);
    expect(readdirSync(join(scratch.path, 'data'))).toEqual(['killed']);
  });

  it('stays while its own process lives', async () => {
    using scratch = scratchDirectory();
    const child = await startPutting(scratch.path, 'data/living');
    try {
      const store = await openLocal(scratch.path);
      await store.put({ key: 'data/other', body: bodyOf('x'), signal });
      expect(readdirSync(join(scratch.path, '.tmp~'))).toHaveLength(1);
    } finally {
      await child.kill();
    }
  });

  it('goes after a day where it is not known whose it is', async () => {
    using scratch = scratchDirectory();
    const directory = join(scratch.path, '.tmp~');
    mkdirSync(directory);
    const anHourS = 3600;
    const nowS = Date.now() / 1000;
    for (const [name, ageS] of [
      ['0123456789ab-17-4711-1', 25 * anHourS],
      ['0123456789ab-17-4711-2', 23 * anHourS],
      ['reserved-0000', 25 * anHourS],
      ['reserved-1111', 0],
    ] as const) {
      writeFileSync(join(directory, name), 'left');
      utimesSync(join(directory, name), nowS - ageS, nowS - ageS);
    }

    const store = await openLocal(scratch.path);
    await store.put({ key: 'object', body: bodyOf('x'), signal });

    expect(readdirSync(directory).sort()).toEqual(['0123456789ab-17-4711-2', 'reserved-1111']);
  });

  it('goes where its pid belongs to another process now', async () => {
    using scratch = scratchDirectory();
    const child = await startPutting(scratch.path, 'data/killed');
    await child.kill();
    const directory = join(scratch.path, '.tmp~');
    const [left = ''] = readdirSync(directory);
    const [origin] = left.split('-');
    writeFileSync(join(directory, `${origin}-${process.pid}-1-1`), 'of an earlier process with our pid');

    const store = await openLocal(scratch.path);
    await store.put({ key: 'object', body: bodyOf('x'), signal });

    expect(readdirSync(directory)).toEqual([]);
  });
});
