/** The provider chain through the command line, and what status says of runs. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupDocument, BackupPlanDocument } from '../../src/cli/documents/backup.ts';
import type { SnapshotsDocument, StatusDocument } from '../../src/cli/documents/snapshots.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, ended, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let home: string;

function configure(name: string, provider: Readonly<Record<string, unknown>>): void {
  const store = { use: 'local', path: site.store };
  writeJson(join(site.config, `addins.d/${name}.json`), { name, provider, store, encryption: 'none' });
}

beforeAll(() => {
  const dir = makeDirectory();
  home = join(dir, 'home/anna');
  mkdirSync(home, { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(join(home, `page-${i}.html`), `page ${i}`);
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  configure('nightly', { use: 'chain', cadence: 'forever' });
  configure('archive', { use: 's3-tar' });
});
afterAll(() => site.remove());

async function backUp(...args: readonly string[]): Promise<BackupDocument> {
  const result = await site.holdfast('backup', '--json', ...args);
  expect(result.status, result.stderr).toBe(0);
  return documentOf<BackupDocument>('backup', result);
}

async function plan(...args: readonly string[]): Promise<BackupPlanDocument['accounts'][number]> {
  const result = await site.holdfast('backup', '--dry-run', '--json', ...args);
  expect(result.status, result.stderr).toBe(0);
  return documentOf<BackupPlanDocument>('backup-plan', result).accounts[0]!;
}

const hexOf = (id: string): string => id.slice(-12);

describe('a configuration with the provider chain', () => {
  let full: string;
  let incremental: string;

  it('begins with a full', async () => {
    expect(await plan('--addin', 'nightly')).toMatchObject({ level: 'full', parents: [], snapshots: 0 });
    const [snapshot] = (await backUp('--addin', 'nightly')).snapshots;
    expect(snapshot).toMatchObject({ level: 'full', parent: null });
    full = snapshot!.id;
  });

  it('goes on with incrementals, which say what they refer to', async () => {
    writeFileSync(join(home, 'page-1.html'), 'changed');
    const [snapshot] = (await backUp('--addin', 'nightly')).snapshots;

    expect(snapshot).toMatchObject({ level: 'incremental', parent: hexOf(full), parents: [hexOf(full)] });
    incremental = snapshot!.id;
    const { stdout } = await site.holdfast('snapshots', '--addin', 'nightly');
    expect(stdout).toMatch(/^ID .* PARENT$/m);
    expect(stdout).toMatch(new RegExp(`^${incremental} .* ${hexOf(full)}$`, 'm'));
  });

  it('plans with its own snapshots only, also where another configuration made the newest', async () => {
    const [other] = (await backUp('--addin', 'archive')).snapshots;
    expect(other).toMatchObject({ level: 'full', parent: null });

    expect(await plan('--addin', 'nightly')).toMatchObject({
      level: 'incremental',
      parents: [hexOf(incremental)],
      reason: 'the cadence says so',
      snapshots: 2,
    });
    const [next] = (await backUp('--addin', 'nightly')).snapshots;
    expect(next).toMatchObject({ level: 'incremental', parent: hexOf(incremental), sequence: 3 });
    incremental = next!.id;
  });

  it('takes a level for once', async () => {
    expect(await plan('--addin', 'nightly', '--level', 'full')).toMatchObject({ level: 'full', parents: [] });
    expect(await plan('--addin', 'nightly', '--level', 'differential')).toMatchObject({
      level: 'differential',
      parents: [hexOf(full)],
      reason: 'a differential was asked for',
    });
    const [snapshot] = (await backUp('--addin', 'nightly', '--level', 'differential')).snapshots;
    expect(snapshot).toMatchObject({ level: 'differential', parent: hexOf(full) });
  });

  it('reads every file with --checksum, and stores nothing where all is as it was', async () => {
    const [snapshot] = (await backUp('--addin', 'nightly', '--checksum')).snapshots;
    expect(snapshot).toMatchObject({ level: 'incremental', files: 20 });
    expect(snapshot!.storedBytes).toBeLessThan(2000);
  });

  it('restores every snapshot', async () => {
    const listed = documentOf<SnapshotsDocument>(
      'snapshots',
      await site.holdfast('snapshots', '--json', '--addin', 'nightly'),
    );
    const own = listed.snapshots.filter(({ addin }) => addin === 'nightly');
    expect(own.map(({ level }) => level[0]).join('')).toBe('fiidi');
    for (const [id, content] of [
      [full, 'page 1'],
      [incremental, 'changed'],
    ] as const) {
      const to = join(site.dir, `restored-${id}`);
      expect((await site.holdfast('restore', id, '--to', to, '--addin', 'nightly')).status).toBe(0);
      expect(readFileSync(join(to, 'files/page-1.html'), 'utf8')).toBe(content);
    }
    expect((await site.holdfast('verify', '--read-data', '--addin', 'nightly')).status).toBe(0);
  });

  it('is told apart from one that writes fulls only', async () => {
    const result = await site.holdfast('backup', '--addin', 'archive', '--level', 'incremental');
    expect(result.status).toBe(errorCodes.CONFIG_INVALID.exit);
  });

  it('is checked', async () => {
    configure('wrong', { use: 'chain', cadence: 'yearly' });
    const file = join(site.config, 'addins.d/wrong.json');
    const { status, stderr } = await site.holdfast('addin', 'validate', file);
    writeFileSync(file, '');
    configure('wrong', { use: 'chain', rereadEvery: 7 });

    expect(status).toBe(errorCodes.CONFIG_INVALID.exit);
    expect(stderr).toContain('/provider/cadence');
    expect((await site.holdfast('addin', 'validate', file)).status).toBe(0);
  });
});

describe('status', () => {
  const runs = async () => {
    const result = await site.holdfast('status', '--json', '--addin', 'nightly');
    return documentOf<StatusDocument>('status', result).runs;
  };

  const runFiles = (): string[] =>
    readdirSync(join(site.state, 'runs')).filter((name) => name.endsWith('.json'));

  it('shows a run that was killed or stopped as interrupted, until the next one has ended', async () => {
    for (let i = 0; i < 3000; i++) writeFileSync(join(home, `many-${i}`), `content ${i}`);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const child = site.start('backup', '--addin', 'nightly', '--level', 'full');
      const end = ended(child);
      while (runFiles().length === 0) await sleep(2);
      child.kill(signal);
      await end;

      expect(await runs()).toMatchObject([{ state: 'interrupted', accounts: 1, done: 0, failed: 0 }]);
      expect((await site.holdfast('status', '--addin', 'nightly')).stdout).toMatch(
        /was interrupted after about 0 of 1 account;/,
      );
      // Three thousand new files are a finding.
      expect([0, 100]).toContain((await site.holdfast('backup', '--addin', 'nightly')).status);
      expect(await runs()).toEqual([]);
    }
  });
});
