/**
 * Stores in which something went wrong: every kind of object, every kind of damage. `verify` has to name what
 * is affected, a restore has to bring back everything else and say what it could not.
 */

import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../support/canned-engine.ts';
import { compareTrees } from '../../support/compare-trees.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-damage-'));
const tree = join(directory, 'tree');
const kept = join(directory, 'kept');
const databases = { alpha: 'CREATE TABLE a;\n'.repeat(1000), beta: 'CREATE TABLE b;\n'.repeat(1000) };
let lab: Lab;
let older: string;
let newer: string;
let count = 0;

beforeAll(async () => {
  // Random enough to take several frames; the second directory lies in other index pages than the first.
  for (const [name, files] of [
    ['a', 400],
    ['b', 400],
  ] as const) {
    mkdirSync(join(tree, name), { recursive: true });
    for (let i = 0; i < files; i++) writeFileSync(join(tree, name, `${i}`), randomBytes(10_000));
  }
  writeFileSync(join(tree, 'z-last'), 'last');
  lab = await openLab(directory);
  const earlier = {
    engines: [cannedEngine({ alpha: '-- old\n', beta: '-- old\n' })],
    databases: [cannedSelector],
  };
  const options = { engines: [cannedEngine(databases)], databases: [cannedSelector] };
  older = (await lab.backUp({ shadow: tree }, earlier)).snapshot.header.id;
  for (const name of ['a/0', 'b/0']) writeFileSync(join(tree, name), 'changed since');
  newer = (await lab.backUp({ shadow: tree }, options)).snapshot.header.id;
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => {
  rmSync(join(directory, 'target'), { recursive: true, force: true });
});

/** Paths of the newer snapshot's objects whose keys match. */
function objects(pattern: RegExp): string[] {
  return readdirSync(lab.storePath, { recursive: true, encoding: 'utf8' })
    .filter((key) => pattern.test(key))
    .map((key) => join(lab.storePath, key))
    .filter((path) => statSync(path).isFile());
}

const kinds: Readonly<Record<string, () => string>> = {
  segment: () => objects(new RegExp(`${newer}.*\\.tar\\.zst(?:\\.age)?$`)).sort()[0]!,
  index: () => objects(new RegExp(`${newer}.*\\.idx(?:\\.age)?$`))[0]!,
  export: () => objects(new RegExp(`${newer}.*-00000\\.sql\\.zst(?:\\.age)?$`))[0]!,
  manifest: () => objects(new RegExp(`${newer}\\.manifest$`))[0]!,
};

const damages: Readonly<Record<string, (path: string, other: string) => void>> = {
  'one flipped bit': (path) => {
    const bytes = readFileSync(path);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = bytes[at]! ^ 1;
    writeFileSync(path, bytes);
  },
  'a cut end': (path) => truncateSync(path, statSync(path).size - 20),
  'no content': (path) => truncateSync(path, 0),
  removal: (path) => rmSync(path),
  'the content of an older one': (path, other) => copyFileSync(other, path),
};

/** Damages one object, runs, and puts the object back. */
async function damaged(kind: string, damage: string, action: () => Promise<void>): Promise<void> {
  const path = kinds[kind]!();
  const [ending] = /(?:\.[a-z]+)+$/.exec(path)!;
  const candidates = objects(new RegExp(`${older}.*${ending.replaceAll('.', '\\.')}$`)).sort();
  const backup = `${kept}-${count++}`;
  copyFileSync(path, backup);
  damages[damage]!(path, candidates[0]!);
  try {
    await action();
  } finally {
    renameSync(backup, path);
  }
}

const cases = Object.keys(kinds).flatMap((kind) =>
  Object.keys(damages).map((damage) => [kind, damage] as const),
);

describe.each(cases)('damage to the %s: %s', (kind, damage) => {
  it('is found by verify, which names the snapshot and nothing of the other', async () => {
    await damaged(kind, damage, async () => {
      // Sizes, hashes of the index and seals are looked at in any case; for the rest every byte must be read.
      const hidden = /bit|older/.test(damage) && /segment|export/.test(kind);
      const { snapshots, exitStatus } = await lab.verify(hidden);
      const bad = snapshots.filter(({ problems }) => problems.length > 0);
      if (kind === 'manifest' && damage === 'removal') {
        // Then the snapshot does not exist; the gap in the sequence tells.
        expect(snapshots.map(({ key }) => key.includes(newer))).toEqual([false]);
        return;
      }

      expect(exitStatus).toBe(damage === 'removal' ? 43 : 42);
      expect(bad.map(({ key }) => key.includes(newer))).toEqual([true]);
      const named = bad[0]!.problems
        .map(({ object, component }) => `${object ?? ''} ${component ?? ''}`)
        .join('\n');
      expect(named).toMatch(
        {
          segment: /shadow|tar\.zst/,
          index: /\.idx|shadow/,
          export: /canned\/alpha/,
          manifest: /\.manifest/,
        }[kind]!,
      );
    });
  });
});

describe('a restore brings back the rest and says what it could not', () => {
  it('where a segment has a flipped bit', async () => {
    await damaged('segment', 'one flipped bit', async () => {
      const { failures, failureCount, exitStatus } = await lab.restore(join(directory, 'target'));
      const { differences } = await compareTrees(tree, join(directory, 'target/shadow'));

      expect(exitStatus).toBe(62);
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.every(({ message }) => /damaged|hash/.test(message))).toBe(true);
      expect(differences.map(({ field }) => field)).toEqual(differences.map(() => 'missing'));
      const lost = new Set(differences.map(({ path }) => `shadow/${path}`));
      expect(failureCount).toBe(lost.size);
      expect(failures.filter(({ path }) => !lost.has(path))).toEqual([]);
      expect(lost.size).toBeLessThan(700);
    });
  });

  it('where an export is missing', async () => {
    await damaged('export', 'removal', async () => {
      const { failures, databaseFiles } = await lab.restore(join(directory, 'target'));

      expect(failures.map(({ path }) => path)).toEqual(['databases/canned/alpha.sql']);
      expect(databaseFiles).toContain('databases/canned/beta.sql');
      expect((await compareTrees(tree, join(directory, 'target/shadow'))).differences).toEqual([]);
    });
  });

  it('where the index is lost: databases at least', async () => {
    await damaged('index', 'removal', async () => {
      const { failures, databaseFiles } = await lab.restore(join(directory, 'target'));

      expect(failures.map(({ path }) => path)).toEqual(['shadow']);
      expect(databaseFiles.filter((file) => file.endsWith('.sql') && !file.includes('grants'))).toEqual([
        'databases/canned/alpha.sql',
        'databases/canned/beta.sql',
      ]);
    });
  });

  // Encrypted, many pages lie in one chunk.
  it.runIf(process.env['LAB_ENCRYPTED'] !== '1')(
    'where one page of the index is damaged: the files of the other pages',
    async () => {
      const path = objects(new RegExp(`${newer}.*\\.idx$`))[0]!;
      const whole = readFileSync(path);
      const bytes = Buffer.from(whole);
      bytes[20_000] = bytes[20_000]! ^ 1;
      writeFileSync(path, bytes);
      const { failures, exitStatus, entries } = await lab.restore(join(directory, 'target'));
      const verified = await lab.verify(false);
      writeFileSync(path, whole);

      expect(exitStatus).toBe(62);
      expect(failures).toHaveLength(1);
      expect(failures[0]?.message).toMatch(/^\d+ entries from here on are lost/);
      expect(entries).toBeGreaterThan(100);
      expect(verified.snapshots.flatMap(({ problems }) => problems).map((one) => one.path)).toEqual([
        failures[0]?.path,
      ]);
    },
  );

  it('where a snapshot is lost: from the other', async () => {
    await damaged('manifest', 'removal', async () => {
      const { exitStatus } = await lab.restore(join(directory, 'target'));

      expect(exitStatus).toBe(0);
      const { differences } = await compareTrees(tree, join(directory, 'target/shadow'));
      expect([...new Set(differences.map(({ path }) => path))]).toEqual(['a/0', 'b/0']);
    });
  });
});
