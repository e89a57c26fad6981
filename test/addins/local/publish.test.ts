import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publish } from '../../../src/addins/local/publish.ts';
import { scratchDirectory } from './scratch.ts';

/** link() as a file system without hard links answers it. */
const noLink = (errno: string) => () => Promise.reject(Object.assign(new Error(errno), { code: errno }));

function prepare(root: string, name: string) {
  mkdirSync(join(root, '.tmp~'), { recursive: true });
  const temporaryPath = join(root, '.tmp~', name);
  writeFileSync(temporaryPath, name);
  return { root, key: 'object', temporaryPath, finalPath: join(root, 'object'), createOnly: true };
}

describe('publish on a file system without hard links', () => {
  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])('creates an object once after %s', async (errno) => {
    using scratch = scratchDirectory();
    await publish(prepare(scratch.path, 'first'), noLink(errno));

    const second = publish(prepare(scratch.path, 'second'), noLink(errno));

    await expect(second).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    expect(readFileSync(join(scratch.path, 'object'), 'utf8')).toBe('first');
    expect(readdirSync(join(scratch.path, '.tmp~'))).toEqual(['second']);
  });

  it('lets exactly one of eight racers create an object', async () => {
    using scratch = scratchDirectory();
    const racers = Array.from({ length: 8 }, (_, index) => prepare(scratch.path, `racer-${index}`));

    const outcomes = await Promise.allSettled(racers.map((racer) => publish(racer, noLink('EPERM'))));

    const winners = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(readFileSync(join(scratch.path, 'object'), 'utf8')).toBe(`racer-${winners[0]}`);
    expect(readdirSync(join(scratch.path, '.tmp~')).filter((name) => name.startsWith('reserved'))).toEqual(
      [],
    );
  });

  it('passes on any other error', async () => {
    using scratch = scratchDirectory();
    await expect(publish(prepare(scratch.path, 'first'), noLink('EIO'))).rejects.toMatchObject({
      code: 'EIO',
    });
    expect(existsSync(join(scratch.path, 'object'))).toBe(false);
  });
});
