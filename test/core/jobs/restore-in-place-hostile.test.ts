/** Restore in place while the account fights back, and while the power goes. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type {
  RestoreActionDocument,
  RestoreInPlaceDocument,
} from '../../../src/cli/documents/restore-in-place.ts';
import { attack, compileSwapper } from '../../support/attacker.ts';
import { openLab } from '../../support/backup.ts';
import { documentOf, ended, linesOf, makeDirectory, makeSite } from '../../support/cli.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { accountAt, restoreTreeInPlace } from '../../support/in-place.ts';

const numbers = Array.from({ length: 6 }, (_, i) => i);
const nobody = '65534:65534';

describe('restore in place under attack', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-in-place-attack-'));
  const tree = join(directory, 'tree');
  const damaged = join(directory, 'damaged');
  const canary = join(directory, 'canary');
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function fill(): void {
    for (const i of numbers) {
      mkdirSync(join(tree, `dir${i}/inner`), { recursive: true });
      for (const j of numbers) writeFileSync(join(tree, `dir${i}/file${j}`), `mine ${i} ${j}`.repeat(50));
      writeFileSync(join(tree, `file${i}`), `mine ${i}`.repeat(2000));
      writeFileSync(join(tree, `linked${i}`), `linked ${i}`);
      linkSync(join(tree, `linked${i}`), join(tree, `dir${i}/linked`));
    }
    execFileSync('chown', ['-hR', nobody, tree]);
  }

  /** As the account leaves it: contents, metadata and links are others, and the bait lies ready. */
  function damage(): void {
    for (const i of numbers) {
      writeFileSync(join(tree, `dir${i}/file0`), 'defaced');
      chmodSync(join(tree, `dir${i}/file1`), 0o777);
      rmSync(join(tree, `dir${i}/file2`));
      rmSync(join(tree, `dir${i}/linked`));
      writeFileSync(join(tree, `dir${i}/extra`), 'x');
      chmodSync(join(tree, `file${i}`), 0o666);
      symlinkSync(canary, join(tree, `bait-dir${i}`));
      symlinkSync(join(canary, `file${i}`), join(tree, `bait-file${i}`));
    }
    execFileSync('chown', ['-hR', nobody, tree]);
  }

  /** Root's own, in the account's directory: to be put under restored names. */
  function addRootsOwn(): void {
    for (const i of numbers) {
      mkdirSync(join(damaged, `bait-root${i}`), { mode: 0o700 });
      writeFileSync(join(damaged, `bait-root${i}/secret`), 'root’s', { mode: 0o600 });
      writeFileSync(join(damaged, `bait-secret${i}`), 'root’s', { mode: 0o600 });
    }
  }

  /** Wherever they are by now. */
  function rootsOwn(): readonly string[] {
    const script =
      'grep -rlZ "root’s" . | xargs -0r stat -c "%U %a"; find . -name secret -printf "%h\\0" | xargs -0r stat -c "%U %a"';
    return [
      ...new Set(execFileSync('sh', ['-c', script], { cwd: tree }).toString().trim().split('\n')),
    ].sort();
  }

  /** All about the canaries but how many names they have, which the account may choose. */
  function canaries(): readonly string[] {
    const names = readdirSync(canary, { recursive: true, encoding: 'utf8' }).sort();
    return ['', ...names].map((name) => {
      const { ino, uid, gid, mode, size, mtimeNs } = lstatSync(join(canary, name), { bigint: true });
      const content = name.includes('file') ? readFileSync(join(canary, name), 'utf8') : '';
      return [name, ino, uid, gid, mode, size, mtimeNs, content].join(' ');
    });
  }

  it('writes, deletes and changes nothing outside of the tree', async () => {
    execFileSync('chmod', ['755', directory]);
    mkdirSync(join(canary, 'inner'), { recursive: true });
    for (const i of numbers) writeFileSync(join(canary, `file${i}`), 'canary');
    for (const name of ['extra', 'linked']) writeFileSync(join(canary, name), 'canary');
    fill();
    const lab = await openLab(directory);
    await lab.backUp({ shadow: tree });
    await lab.restore(join(directory, 'golden'));
    damage();
    execFileSync('cp', ['-a', tree, damaged]);
    addRootsOwn();
    const before = canaries();
    const pairs = numbers.flatMap((i) => [
      [`dir${i}`, `bait-dir${i}`] as const,
      [`file${i}`, `bait-file${i}`] as const,
      [`file${i}`, `bait-hard${i}`] as const,
      [`file${i}`, `bait-secret${i}`] as const,
      [`dir${i}`, `bait-root${i}`] as const,
    ]);
    const attacker = await attack(compileSwapper(directory), tree, pairs);
    const until = performance.now() + 6000;
    let changed = 0;
    const found = new Set<string>();
    for (let round = 0; performance.now() < until; round++) {
      await attacker.pause();
      execFileSync('sh', ['-c', 'find "$1" -mindepth 1 -delete; cp -a "$2"/. "$1"', 'sh', tree, damaged]);
      for (const i of numbers) linkSync(join(canary, `file${i}`), join(tree, `bait-hard${i}`));
      attacker.resume();
      const { list } = await restoreTreeInPlace(lab, directory, accountAt(tree), { delete: round % 2 === 1 });
      changed += list.length;
      await attacker.pause();
      for (const one of rootsOwn()) found.add(one);
    }
    const swaps = await attacker.end();

    expect(swaps).toBeGreaterThan(1000);
    expect(changed).toBeGreaterThan(100);
    expect(canaries()).toEqual(before);
    expect(found).toContain('root 600');
    expect([...found].filter((one) => !['', 'root 600', 'root 700'].includes(one))).toEqual([]);
    execFileSync('sh', [
      '-c',
      'find "$1" -mindepth 1 -delete; cp -a "$2"/. "$1"; rm -r "$1"/bait-root*',
      'sh',
      tree,
      damaged,
    ]);
    const { failures } = await restoreTreeInPlace(lab, directory, accountAt(tree), { delete: true });
    expect(failures).toEqual([]);
    expect((await compareTrees(join(directory, 'golden/shadow'), tree)).differences).toEqual([]);
    await lab.close();
  });
});

describe('restore in place from the command line', () => {
  const dir = makeDirectory();
  const home = join(dir, 'home/one');
  const site = makeSite(
    { panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*'), domain: '{name}.test' }] } },
    dir,
  );
  const golden = join(dir, 'golden');
  const large = join(home, 'large');
  const restore = ['restore', 'latest', '--account', 'one.test', '--in-place', '--delete'] as const;
  afterAll(() => site.remove());

  const leftovers = () => readdirSync(home).filter((name) => name.startsWith('.holdfast-'));
  const partly = () =>
    Math.max(
      0,
      ...leftovers().map((name) => statSync(join(home, name), { throwIfNoEntry: false })?.size ?? 0),
    );

  it('is finished by a repeat after kill -9, which removes what the first left behind', async () => {
    mkdirSync(home, { recursive: true });
    for (let i = 0; i < 500; i++) writeFileSync(join(home, `file-${i}`), randomBytes(2000));
    writeFileSync(large, randomBytes(64 * 1024 * 1024));
    expect((await site.holdfast('backup')).status).toBe(0);
    execFileSync('cp', ['-a', home, golden]);
    for (const name of readdirSync(home)) rmSync(join(home, name));
    writeFileSync(join(home, 'extra'), 'x');

    const child = site.start(...restore);
    // All that is small is there, and the large one in part.
    while (partly() < 1_000_000 || !existsSync(join(home, 'file-99'))) {
      if (child.exitCode !== null) throw new Error('it ended too early');
      await sleep(1);
    }
    child.kill('SIGKILL');
    await ended(child);
    expect(leftovers()).toHaveLength(1);
    expect(existsSync(large)).toBe(false);

    const planned = linesOf<RestoreActionDocument>(
      'restore-in-place-action',
      await site.holdfast(...restore, '--resume', '--dry-run', '--json'),
    );
    const result = await site.holdfast(...restore, '--resume', '--json');
    const done = documentOf<RestoreInPlaceDocument>('restore-in-place', result);
    expect(result.status).toBe(0);
    expect(done.actions.delete).toBe(1);
    expect(done.untouched).toBe(500);
    expect(planned.map(({ action, path }) => `${action} ${path}`)).toEqual([
      expect.stringMatching(/^delete files\/\.holdfast-[0-9a-f]{16}\.tmp$/),
      'metadata files',
      'create files/large',
    ]);
    expect((await compareTrees(golden, home)).differences).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('knows an account by its UUID, not by its name', async () => {
    renameSync(home, join(dir, 'moved-away'));
    mkdirSync(home);
    const snapshots = await site.holdfast('snapshots', '--json');
    const [{ id }] = (JSON.parse(snapshots.stdout) as { snapshots: [{ id: string }] }).snapshots;
    const { status, stderr } = await site.holdfast('restore', id, '--in-place');

    expect(status).toBe(20);
    expect(stderr).toContain('is not on this server');
    expect(readdirSync(home)).toEqual([]);
  });
});
