/**
 * An account that swaps directories and files for links while root backs it up and restores it.
 *
 * Canaries lie outside: nothing of theirs may be captured, nothing about them may change, down to ctime.
 */

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../../src/core/archive/entry.ts';
import { systemXattrs } from '../../../src/core/filesystem/xattrs.ts';
import { openIndex } from '../../../src/core/jobs/index-reader.ts';
import { EntryRestorer } from '../../../src/core/jobs/restore/entry-restorer.ts';
import { Frames, fetchFrom } from '../../../src/core/jobs/restore/frames.ts';
import { type Attacker, attack, compileSwapper } from '../../support/attacker.ts';
import { type Lab, openLab } from '../../support/backup.ts';

const nobody = 65534;
const secret = 'CANARY-THAT-MUST-NOT-BE-READ';
const directory = mkdtempSync(join(tmpdir(), 'holdfast-attack-'));
const canary = join(directory, 'canary');
const numbers = Array.from({ length: 6 }, (_, i) => i);
const signal = new AbortController().signal;
let swapper: string;
let swaps = 0;

beforeAll(() => {
  execFileSync('chmod', ['755', directory]);
  swapper = compileSwapper(directory);
  mkdirSync(canary);
  for (const i of numbers) {
    writeFileSync(join(canary, `file${i}`), secret.repeat(50));
    execFileSync('mkfifo', ['-m', '600', join(canary, `fifo${i}`)]);
    mkdirSync(join(canary, `inner${i}`));
  }
  mkdirSync(join(canary, 'empty'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Everything about the canaries: names, inodes, owners, modes, links, all times, contents. */
function canaries(): readonly string[] {
  const names = readdirSync(canary, { recursive: true, encoding: 'utf8' }).sort();
  return [canary, ...names.map((name) => join(canary, name))].map((path) => {
    const { ino, uid, gid, mode, nlink, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
    const content = path.includes('file') ? readFileSync(path, 'utf8') : '';
    return [path, ino, uid, gid, mode, nlink, size, mtimeNs, ctimeNs, content].join(' ');
  });
}

function own(path: string): void {
  execFileSync('chown', ['-hR', `${nobody}:${nobody}`, path]);
}

/** What the account holds: each `dir<i>` has the names that the canary directory has. */
function fill(tree: string): void {
  mkdirSync(tree);
  for (const i of numbers) {
    const dir = join(tree, `dir${i}`);
    mkdirSync(join(dir, `inner${i}`), { recursive: true });
    for (const j of numbers) {
      writeFileSync(join(dir, `file${j}`), `mine ${i} ${j}`.repeat(50));
      execFileSync('mkfifo', [join(dir, `fifo${j}`)]);
    }
    writeFileSync(join(tree, `file${i}`), 'mine'.repeat(2000), { mode: 0o666 });
    execFileSync('mkfifo', [join(tree, `fifo${i}`)]);
    linkSync(join(tree, `file${i}`), join(dir, 'linked'));
  }
  own(tree);
}

/** Adds the bait: links to the canaries, named so that `pairs` can swap them in. */
function bait(arena: string): (readonly [string, string])[] {
  for (const i of numbers) {
    symlinkSync(canary, join(arena, `bait-dir${i}`));
    symlinkSync(join(canary, `file${i}`), join(arena, `bait-file${i}`));
  }
  return numbers.flatMap((i) => [
    [`dir${i}`, `bait-dir${i}`] as const,
    [`file${i}`, `bait-file${i}`] as const,
  ]);
}

async function under(
  arena: string,
  pairs: readonly (readonly [string, string])[],
  action: (attacker: Attacker) => Promise<void>,
): Promise<void> {
  const attacker = await attack(swapper, arena, pairs);
  try {
    await action(attacker);
  } finally {
    swaps += await attacker.end();
  }
}

describe('while names are swapped for links to canaries', () => {
  let lab: Lab;
  const tree = join(directory, 'tree');

  beforeAll(async () => {
    fill(tree);
    lab = await openLab(directory);
    await lab.backUp({ shadow: tree });
  });
  afterAll(() => lab.close());

  it('a walk by path is caught, which shows that the attack works', async () => {
    const arena = join(directory, 'control');
    fill(arena);
    let caught = 0;
    await under(arena, bait(arena), async () => {
      const until = performance.now() + 10_000;
      while (caught === 0 && performance.now() < until) {
        for (const i of numbers) {
          const dir = join(arena, `dir${i}`);
          if (!lstatSync(dir).isDirectory()) continue;
          if (readFileSync(join(dir, 'file0'), 'utf8').includes(secret)) caught++;
        }
      }
    });

    expect(caught).toBeGreaterThan(0);
  });

  it('a backup captures nothing from outside', async () => {
    const arena = join(directory, 'account');
    fill(arena);
    const pairs = bait(arena);
    const before = canaries();
    const attacked = await openLab(join(directory, 'attacked'));
    const seen = new Set<string>();
    await under(arena, pairs, async () => {
      for (let round = 0; round < 25; round++) {
        const { snapshot } = await attacked.backUp({ shadow: arena });
        for (const { code } of snapshot.body.warnings) seen.add(code);
      }
    });
    await attacked.close();
    const segments = execFileSync('find', [join(attacked.storePath, 'data'), '-name', '*.zst'], {
      encoding: 'utf8',
    });
    const plain = execFileSync('sh', [
      '-c',
      'zstd -dcq "$@" | grep -ac "$0"; true',
      secret,
      ...segments.trim().split('\n'),
    ]);

    expect(plain.toString().trim()).toBe('0');
    expect(canaries()).toEqual(before);
    // The attack was felt: names changed their type under the walk, and whole directories went and came back.
    const felt = ['changed', 'vanished', 'unstable', 'unreadable', 'shrunk', 'unusual-change'];
    expect([...seen].filter((code) => !felt.includes(code))).toEqual([]);
  });

  it('a restore straight into a directory of the attacker writes nothing outside', async () => {
    const arena = join(directory, 'arena');
    const before = canaries();
    const fd = await emptyArena(arena);
    const pairs: (readonly [string, string])[] = [
      ...numbers.flatMap(
        (i) =>
          [
            [`shadow/dir${i}`, `bait-dir${i}`],
            [`shadow/file${i}`, `bait-file${i}`],
          ] as const,
      ),
      ['shadow', 'bait-dir0'],
      ...numbers.map((i) => [`shadow/fifo${i}`, `bait-fifo${i}`] as const),
    ];
    const outcome = { made: 0, failed: 0 };
    await under(arena, pairs, async (attacker) => {
      for (let round = 0; round < 20; round++) {
        await restoreInto(lab, fd, outcome);
        await attacker.pause();
        clear(arena);
        attacker.resume();
      }
    });
    closeSync(fd);

    expect(withoutBait(canaries())).toEqual(withoutBait(before));
    expect(outcome.made).toBeGreaterThan(100);
    expect(outcome.failed).toBeGreaterThan(0);
  });

  it('a restore into a target whose name is swapped writes nothing outside', async () => {
    const arena = join(directory, 'parent');
    mkdirSync(arena);
    symlinkSync(join(canary, 'empty'), join(arena, 'bait'));
    own(arena);
    const before = canaries();
    const outcomes = new Set<string>();
    await under(arena, [['target', 'bait']], async (attacker) => {
      for (let round = 0; round < 40; round++) {
        const ended = await lab.restore(join(arena, 'target')).catch((error: { code: string }) => error);
        outcomes.add('code' in ended ? ended.code : String(ended.exitStatus));
        await attacker.pause();
        rmSync(join(arena, 'target'), { recursive: true, force: true });
        rmSync(join(arena, 'bait'), { recursive: true, force: true });
        symlinkSync(join(canary, 'empty'), join(arena, 'bait'));
        attacker.resume();
      }
    });

    expect(canaries()).toEqual(before);
    expect(
      [...outcomes].filter((one) => !['0', 'TARGET_UNWRITABLE', 'TARGET_NOT_EMPTY'].includes(one)),
    ).toEqual([]);
  });

  it('twenty thousand swaps and more were tried', () => {
    expect(swaps).toBeGreaterThan(20_000);
  });
});

/** A directory that the attacker owns, with second names of the canary FIFOs, as without protected_hardlinks. */
async function emptyArena(arena: string): Promise<number> {
  mkdirSync(arena);
  chownSync(arena, nobody, nobody);
  clear(arena);
  return openSync(arena, constants.O_RDONLY | constants.O_DIRECTORY);
}

function clear(arena: string): void {
  execFileSync('find', [arena, '-mindepth', '1', '-delete']);
  // Owned by the attacker, who could have made it first: what root makes inside can then be renamed.
  mkdirSync(join(arena, 'shadow'));
  chownSync(join(arena, 'shadow'), nobody, nobody);
  for (const i of numbers) {
    symlinkSync(canary, join(arena, `bait-dir${i}`));
    symlinkSync(join(canary, `file${i}`), join(arena, `bait-file${i}`));
    linkSync(join(canary, `fifo${i}`), join(arena, `bait-fifo${i}`));
  }
}

/** The baits are names of the canary FIFOs themselves: their link counts and ctimes move with them. */
const withoutBait = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => {
    const fields = line.split(' ');
    return line.includes('fifo') ? fields.filter((_, i) => i !== 5 && i !== 8).join(' ') : line;
  });

async function restoreInto(lab: Lab, fd: number, outcome: { made: number; failed: number }): Promise<void> {
  const reader = await openIndex(lab.provider, await lab.latest(), signal);
  const frames = new Frames(reader.root.objects, fetchFrom(lab.provider, reader.root.objects, signal));
  const restorer = new EntryRestorer(fd, {
    resume: false,
    alike: false,
    restriction: null,
    xattrs: systemXattrs,
    frames,
    outlet: {
      warn: () => {},
      failed() {
        outcome.failed++;
      },
      progress(entries) {
        outcome.made += entries;
      },
      kept: () => {},
    },
  });
  const [directories, linked]: [Entry[], Entry[]] = [[], []];
  for await (const entry of reader.entries()) {
    if (!(await restorer.restore(entry))) continue;
    ((entry.flags & 4) === 0 ? directories : linked).push(entry);
  }
  const recordOf = (device: number, inode: bigint) => reader.linkRecord(device, inode);
  await restorer.restoreLinked(one(linked), () => 0, recordOf);
  for (const entry of directories.reverse()) await restorer.finishDirectory(entry);
  restorer.close();
}

async function* one(entries: readonly Entry[]): AsyncGenerator<Entry> {
  yield* entries;
}
