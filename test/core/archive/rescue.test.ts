/**
 * `rescue.py` on stores that the engine wrote: it shares no code with us, only docs/format.md. That it
 * restores every kind of entry is shown in test/core/jobs/fidelity.test.ts.
 */

import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../support/canned-engine.ts';
import { compareTrees } from '../../support/compare-trees.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-rescue-'));
const site = join(directory, 'site');
const binary = Buffer.from(Array.from({ length: 9_000_000 }, (_, i) => (i * 7919) >> 3));
let lab: Lab;
let names: string[];

beforeAll(async () => {
  for (const path of ['shadow/var/www', 'shadow/home', 'info'])
    mkdirSync(join(site, path), { recursive: true });
  writeFileSync(join(site, 'shadow/var/www/index.html'), 'first');
  writeFileSync(join(site, 'shadow/home/mail'), 'mail');
  writeFileSync(join(site, 'info/aliases'), 'a');
  lab = await openLab(directory);
  const trees = { shadow: join(site, 'shadow'), info: join(site, 'info') };
  const engines = (instance: string) => [
    cannedEngine({ plain: 'SELECT 1;\n', 'odd/ü': binary, empty: '' }, instance),
  ];
  const databases = [cannedSelector];
  const first = await lab.backUp(trees, { engines: engines('maria'), databases });
  writeFileSync(join(site, 'shadow/var/www/index.html'), 'second');
  const second = await lab.backUp(trees, {
    engines: [...engines('maria'), cannedEngine({ broken: null }, 'other')],
    databases,
  });
  names = [first.snapshot, second.snapshot].map(
    ({ body, header, key }) => `${body.account.site}-${/\d{8}T\d{6}Z/.exec(key)![0]}-${header.id}`,
  );
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('rescue.py list', () => {
  it('shows each snapshot under the id we give it, oldest first, and which is partial', async () => {
    const { stdout, status } = await lab.rescue('list');
    const lines = stdout.split('\n').filter((line) => line.includes('site1-'));

    expect(status).toBe(0);
    expect(lines.map((line) => names.findIndex((name) => line.includes(name)))).toEqual([0, 1]);
    expect(lines.map((line) => line.includes('partial'))).toEqual([false, true]);
  });
});

describe('rescue.py restore', () => {
  it('brings trees and databases to the same places and bytes as our restore', async () => {
    const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')];
    await lab.restore(ours);
    const { problems } = await lab.rescue('restore', 'latest', '--account', 'lab.example', '--to', theirs);
    const files = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();

    expect(files(join(theirs, 'databases'))).toEqual(files(join(ours, 'databases')));
    for (const name of files(join(ours, 'databases')).filter((one) => one.endsWith('.sql'))) {
      const [a, b] = [ours, theirs].map((target) => readFileSync(join(target, 'databases', name)));
      expect(a!.equals(b!), name).toBe(true);
    }
    expect(
      createHash('sha256')
        .update(readFileSync(join(theirs, 'databases/maria/odd%2F%C3%BC.sql')))
        .digest('hex'),
    ).toBe(createHash('sha256').update(binary).digest('hex'));
    for (const tree of ['shadow', 'info']) {
      expect((await compareTrees(join(ours, tree), join(theirs, tree))).differences).toEqual([]);
    }
    // The component that failed in the backup is named, not passed over.
    expect(problems.join('\n')).toContain('other/broken');
  });

  it('takes an older snapshot by its id, and only a path of it', async () => {
    const target = join(directory, 'part');
    const { status } = await lab.rescue('restore', names[0]!, '--to', target, '--path', 'shadow/var/www');

    expect(status).toBe(0);
    expect(readFileSync(join(target, 'shadow/var/www/index.html'), 'utf8')).toBe('first');
    expect([existsSync(join(target, 'shadow/home')), existsSync(join(target, 'info'))]).toEqual([
      false,
      false,
    ]);
  });

  it.each([
    ['an unknown snapshot', ['restore', 'site9-20200101T000000Z-000000000000', '--to', 'x']],
    ['an unknown account', ['restore', 'latest', '--account', 'site9', '--to', 'x']],
    ['a target that is not empty', ['restore', 'latest', '--account', 'site1', '--to', site]],
  ])('stops with status 2 at %s and writes nothing', async (_, args) => {
    const { status, stderr } = await lab.rescue(...args);

    expect(status).toBe(2);
    expect(stderr).not.toContain('Traceback');
    expect(existsSync(join(lab.storePath, 'x'))).toBe(false);
  });
});

describe('rescue.py verify', () => {
  it('reads a whole snapshot and finds nothing', async () => {
    expect((await lab.rescue('verify', names[0]!)).status).toBe(0);
  });

  it('finds one flipped bit in every object of a snapshot', async () => {
    const copy = join(directory, 'copy');
    cpSync(lab.storePath, copy, { recursive: true });
    const id = names[0]!.slice(-12);
    const keys = readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter(
      (key) => key.includes(id) && /\.(zst|idx|manifest)$/.test(key),
    );
    const damaged = await openCopy(copy);
    const missed: string[] = [];
    for (const key of keys) {
      const path = join(copy, key);
      const whole = readFileSync(path);
      const bytes = Buffer.from(whole);
      bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
      writeFileSync(path, bytes);
      if ((await damaged(names[0]!)) === 0) missed.push(key);
      writeFileSync(path, whole);
    }

    expect(keys.length).toBeGreaterThan(5);
    expect(missed).toEqual([]);
  });
});

async function openCopy(store: string): Promise<(snapshot: string) => Promise<number>> {
  return async (snapshot) => (await lab.rescue('--store', store, 'verify', snapshot)).status;
}
