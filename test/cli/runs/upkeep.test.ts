/** What scheduled runs do with the store afterwards, through the command line. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CliContext } from '../../../src/cli/command.ts';
import type { BackupDocument } from '../../../src/cli/documents/backup.ts';
import type { SnapshotsDocument } from '../../../src/cli/documents/snapshots.ts';
import { Output } from '../../../src/cli/output.ts';
import { doUpkeep, type UpkeepAsked } from '../../../src/cli/runs/upkeep.ts';
import { errorCodes } from '../../../src/core/errors.ts';
import { lastUpkeep, rememberUpkeep } from '../../../src/core/state/upkeep-record.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../../support/cli.ts';
import { mountFilesystem } from '../../support/filesystems.ts';

const dayMs = 86_400_000;
let site: CliSite;
let told: string;

const configure = (settings: Readonly<Record<string, unknown>>): void =>
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 'chain' },
    store: { use: 'local', path: site.store },
    copies: [{ store: { use: 'local', path: join(site.dir, 'copy') }, retention: { keepLast: 3 } }],
    encryption: 'none',
    ...settings,
  });

async function backUp(...args: readonly string[]): Promise<BackupDocument> {
  const result = await site.holdfast('backup', ...args, '--level', 'full', '--json');
  return documentOf<BackupDocument>('backup', result);
}

async function countOf(...args: readonly string[]): Promise<number> {
  const listed = await site.holdfast('snapshots', ...args, '--json');
  return documentOf<SnapshotsDocument>('snapshots', listed).snapshots.length;
}

const ago = (days: number): Promise<void> => rememberUpkeep(site.state, 'nightly', Date.now() - days * dayMs);

beforeAll(async () => {
  const dir = makeDirectory();
  told = join(dir, 'told');
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/page.html'), 'one');
  site = makeSite(
    {
      panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] },
      hooks: [{ on: 'failure', command: ['/bin/sh', '-c', `cat > ${told}`] }],
    },
    dir,
  );
  configure({});
  for (let i = 0; i < 3; i++) await backUp('--scheduled');
});
afterAll(() => site.remove());

describe('the upkeep of a scheduled run', () => {
  it('is nothing where none is configured, nor of a run by hand or of one account', async () => {
    expect(await lastUpkeep(site.state, 'nightly')).toBeNull();
    configure({ retention: { keepLast: 3 }, upkeep: { prune: true } });
    await backUp();
    await backUp('--scheduled', '--account', 'anna');

    expect(await countOf()).toBe(5);
  });

  it('carries out the retention of the store and of its copies', async () => {
    const { exitStatus, upkeepProblems, pruned, run } = await backUp('--scheduled');

    expect({ exitStatus, upkeepProblems }).toEqual({ exitStatus: 0, upkeepProblems: [] });
    expect(pruned).toEqual([
      { copy: null, snapshots: 3 },
      { copy: 'copy', snapshots: 3 },
    ]);
    const logs = join(site.state, 'run-history');
    const log = readdirSync(logs).find((name) => name.endsWith(`${run}.log`))!;
    expect(readFileSync(join(logs, log), 'utf8')).toMatch(
      /"copy":null,"snapshots":3,"msg":"snapshots removed"/,
    );
    expect([await countOf(), await countOf('--copy', 'copy')]).toEqual([3, 3]);
    expect(await lastUpkeep(site.state, 'nightly')).toBeGreaterThan(Date.now() - dayMs);
  });

  it('waits for as many days as it is told', async () => {
    configure({ retention: { keepLast: 2 }, upkeep: { prune: true, compact: true, everyDays: 7 } });
    await ago(6);
    await backUp('--scheduled');
    expect(await countOf()).toBe(4);

    await ago(7);
    expect((await backUp('--scheduled')).exitStatus).toBe(0);
    expect(await countOf()).toBe(2);
  });

  it('leaves the snapshots of the store alone while a copy may lack them, and is due again', async () => {
    const copy = join(site.dir, 'copy');
    configure({
      retention: { keepLast: 1 },
      copies: [{ store: { use: 'local', path: copy } }],
      upkeep: { prune: true },
    });
    await ago(30);
    renameSync(copy, `${copy}.away`);
    writeFileSync(copy, 'not mounted');
    const { exitStatus, upkeepProblems } = await backUp('--scheduled');
    rmSync(copy);
    renameSync(`${copy}.away`, copy);

    expect(exitStatus).toBe(errorCodes.COPY_FAILED.exit);
    expect(upkeepProblems[0]).toContain('left out, since snapshots that would go may be missing in copy');
    expect(await countOf()).toBe(3);
    expect(await lastUpkeep(site.state, 'nightly')).toBeLessThan(Date.now() - dayMs);
  });

  it('is an error of the run where it is refused, told to those who are told, and due again', async () => {
    configure({ retention: { keepLast: 1, maxRemoveShare: 0.1 }, upkeep: { prune: true } });
    await ago(30);
    for (let i = 0; i < 3; i++) await backUp();
    const { exitStatus, snapshots, upkeepProblems } = await backUp('--scheduled');

    expect(exitStatus).toBe(errorCodes.PRUNE_REFUSED.exit);
    expect(snapshots).toHaveLength(1);
    expect(upkeepProblems[0]).toContain('upkeep: prune: prune refuses: ');
    expect(readFileSync(told, 'utf8')).toContain('prune refuses');
    expect(await countOf()).toBe(7);
    expect(await lastUpkeep(site.state, 'nightly')).toBeLessThan(Date.now() - dayMs);
  });
});

it('leaves compacting out where it can never be done, once each time that it is due, and is no failure', async () => {
  const told = new PassThrough({ encoding: 'utf8' });
  const output = new Output({ stdout: new PassThrough(), stderr: told }, { json: false, quiet: true });
  const context = { world: { now: Date.now }, output, signal: new AbortController().signal };
  const upkeep = { prune: false, compact: true, everyDays: 7 };
  const addin = { name: 'blind', upkeep, encryption: { recipients: ['age1'] }, copies: [] };
  const asked = { configuration: { stateDir: site.state }, addin, chosen: { scheduled: true }, copies: [] };
  const run = () => doUpkeep(context as unknown as CliContext, asked as unknown as UpkeepAsked);
  const [first, second] = [await run(), await run()];
  output.flush();

  expect([first.exitStatus, first.problems.length, second.problems]).toEqual([0, 1, []]);
  expect(told.read()).toMatch(/^upkeep: compact: left out, .* names no identity; see holdfast doctor\n$/);
});

it('makes room in a store that is full, so that the next run finds some', async () => {
  const small = mountFilesystem('tmpfs', { mebibytes: 4 });
  const filler = join(small.path, 'filler');
  writeFileSync(join(site.dir, 'home/anna/large'), randomBytes(400_000));
  try {
    const store = { use: 'local', path: join(small.path, 'store') };
    const settings = { name: 'full', provider: { use: 's3-tar' }, store, encryption: 'none' };
    const copies = [{ store: { use: 'local', path: join(site.dir, 'copy-of-full') } }];
    const given = { ...settings, copies, retention: { keepLast: 1 }, upkeep: { prune: true, everyDays: 7 } };
    writeJson(join(site.config, 'addins.d/full.json'), given);
    expect((await backUp('--addin', 'full', '--scheduled')).exitStatus).toBe(0);
    for (let i = 0; i < 3; i++) await backUp('--addin', 'full');
    // Prune leaves alone what is young.
    execFileSync('find', [store.path, '-type', 'f', '-exec', 'touch', '-d', '9 days ago', '{}', '+']);
    const fd = openSync(filler, 'w');
    expect(() => {
      for (;;) writeSync(fd, Buffer.alloc(4096, 1));
    }).toThrow('ENOSPC');
    closeSync(fd);
    const full = await site.holdfast('backup', '--addin', 'full', '--scheduled');

    expect(full.status).toBe(errorCodes.STORE_FULL.exit);
    expect(await countOf('--addin', 'full')).toBe(1);
    expect((await backUp('--addin', 'full', '--scheduled')).exitStatus).toBe(0);
  } finally {
    small.unmount();
  }
});
