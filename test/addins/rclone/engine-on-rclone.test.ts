/** Whole backups and restores on an rclone remote, by both providers. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLab } from '../../support/backup.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { makeRemotes, obscured, type Remotes } from './remotes.ts';

let remotes: Remotes;
const directory = mkdtempSync('/tmp/holdfast-engine-rclone-');

beforeAll(() => {
  remotes = makeRemotes();
  remotes.add('crypt', { type: 'crypt', remote: 'files:crypt', password: obscured('a') });
});
afterAll(async () => {
  await remotes.remove();
  rmSync(directory, { recursive: true, force: true });
});

describe.each([
  { provider: 's3-tar', remote: 'files:tar', options: {} },
  { provider: 'chain', remote: 'files:chain', options: { chain: {} } },
  { provider: 'chain, encrypted', remote: 'crypt:', options: { chain: {}, encrypted: true } },
])('$provider on $remote', ({ provider, remote, options }) => {
  it('backs up twice, verifies and restores with no difference', async () => {
    const home = join(directory, provider);
    const tree = join(home, 'tree');
    for (const name of ['a', 'b 20%', 'c']) {
      mkdirSync(join(tree, name), { recursive: true });
      for (let index = 0; index < 30; index += 1)
        writeFileSync(join(tree, name, `${index}`), randomBytes(index * 997));
    }
    writeFileSync(join(tree, 'film'), randomBytes(8 * 1024 * 1024));
    const lab = await openLab(home, { ...options, store: await remotes.open(remote) });
    try {
      expect((await lab.backUp({ shadow: tree })).exitStatus).toBe(0);
      writeFileSync(join(tree, 'a/new'), 'new');
      rmSync(join(tree, 'c'), { recursive: true });
      expect((await lab.backUp({ shadow: tree })).exitStatus).toBe(0);

      expect((await lab.verify(true)).exitStatus).toBe(0);
      const target = join(home, 'restored');
      expect((await lab.restore(target)).exitStatus).toBe(0);
      expect((await compareTrees(tree, join(target, 'shadow'))).differences).toEqual([]);
    } finally {
      await lab.close();
    }
  });
});
