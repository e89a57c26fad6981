/** A store that is not there, is another, or has lost its identity: no command takes it for one without snapshots. */

import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusDocument } from '../../src/cli/documents/snapshots.ts';
import type { StoreSetupDocument } from '../../src/cli/documents/store-setup.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

const foreign = errorCodes.STORE_FOREIGN.exit;
let site: CliSite;

beforeAll(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  writeFileSync(join(dir, 'home/anna/a'), 'a');
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
});
afterAll(() => site.remove());

const readers: readonly (readonly string[])[] = [
  ['snapshots'],
  ['ls', 'latest', '--account', 'anna'],
  ['find', '*'],
  ['diff', 'latest', 'latest', '--account', 'anna'],
  ['restore', 'latest', '--account', 'anna', '--to', '/nonexistent/target'],
];
const judges: readonly (readonly string[])[] = [['verify'], ['prune']];
const all = [...readers, ...judges];

describe('before the first backup', () => {
  it.each(all)('%s says that there is no store yet', async (...args) => {
    const { status, stdout, stderr } = await site.holdfast(...args);

    expect({ status, stdout }).toEqual({ status: foreign, stdout: '' });
    expect(stderr).toContain(`there is no Holdfast store at ${site.store} yet`);
    expect(stderr).toContain('hint: Run holdfast backup first');
  });

  it('doctor warns that a schedule does nothing yet', async () => {
    const file = join(site.config, 'addins.d/nightly.json');
    const text = readFileSync(file, 'utf8');
    writeJson(file, { ...JSON.parse(text), schedule: [{ level: 'full', cron: '0 3 * * *' }] });
    const { status, stdout } = await site.holdfast('doctor');
    writeFileSync(file, text);

    expect(status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(stdout).toMatch(/^warn +schedule of nightly +nothing runs it/m);
  });

  it('status and accounts stay friendly', async () => {
    const { status, stdout } = await site.holdfast('status');
    expect(status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(stdout).toMatch(/^anna .* never/m);
    expect((await site.holdfast('accounts')).status).toBe(0);
  });
});

describe('after a backup', () => {
  beforeAll(async () => {
    expect((await site.holdfast('backup')).status).toBe(0);
  });

  it.each([...all, ['status'], ['backup', '--dry-run']])(
    '%s notices that the store is gone',
    async (...args) => {
      renameSync(site.store, `${site.store}-away`);
      const { status, stderr } = await site.holdfast(...args);
      renameSync(`${site.store}-away`, site.store);

      expect(status).toBe(foreign);
      expect(stderr).toContain(
        `the store ${site.store} (where nothing is) of nightly has lost its holdfast.json`,
      );
    },
  );

  it.each([...all, ['status'], ['backup', '--dry-run']])('%s refuses another store', async (...args) => {
    const file = join(site.store, 'holdfast.json');
    const text = readFileSync(file, 'utf8');
    const other = '00000000-0000-4000-8000-000000000000';
    writeFileSync(file, text.replace(/"store": "[^"]+"/, `"store": "${other}"`));
    const { status, stderr } = await site.holdfast(...args);
    writeFileSync(file, text);

    expect(status).toBe(foreign);
    expect(stderr).toContain(`the store ${site.store} of nightly has the id ${other}`);
  });

  it('store init makes no new one in its place', async () => {
    renameSync(site.store, `${site.store}-away`);
    const look = await site.holdfast('store', 'init', '--json');
    const { status, stderr } = await site.holdfast('store', 'init', '--apply');
    const made = existsSync(site.store);
    renameSync(`${site.store}-away`, site.store);

    expect([look.status, status, made]).toEqual([foreign, foreign, false]);
    expect(documentOf<StoreSetupDocument>('store-setup', look).findings).toContainEqual(
      expect.objectContaining({ name: 'identity', state: 'error', code: 'STORE_FOREIGN' }),
    );
    expect(stderr).toMatch(/^hint: .* give the configuration a new name to begin anew/m);
    const after = documentOf<StoreSetupDocument>(
      'store-setup',
      await site.holdfast('store', 'init', '--json'),
    );
    expect(
      after.findings.filter(({ name, state }) => !/^(room|inodes)$/.test(name) && state !== 'ok'),
    ).toEqual([]);
  });

  it('status finds the snapshots again where the state is lost, and warns of an account without', async () => {
    renameSync(site.state, `${site.state}-away`);
    const lost = await site.holdfast('status', '--json');
    renameSync(`${site.state}-away`, site.state);
    mkdirSync(join(site.dir, 'home/ben'));
    const lacking = await site.holdfast('status');
    rmSync(join(site.dir, 'home/ben'), { recursive: true });

    // Who made them, nobody can tell then.
    expect(lost.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(documentOf<StatusDocument>('status', lost).accounts).toMatchObject([
      { account: 'anna', snapshots: 1, lastState: 'complete' },
    ]);
    expect(lost.stderr).toContain('accounts are found by site and domain');
    expect((await site.holdfast('status')).status).toBe(0);
    expect(lacking.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(lacking.stdout).toContain('1 account without a good snapshot');
  });

  it('verify and doctor tell of a rescue.py that is not ours, and a backup puts it right', async () => {
    const path = join(site.store, 'rescue.py');
    const ours = readFileSync(path, 'utf8');
    writeFileSync(path, 'import os');
    const verified = await site.holdfast('verify', '--json');
    const doctor = await site.holdfast('doctor');
    expect((await site.holdfast('backup')).status).toBe(0);

    expect(verified.status).toBe(errorCodes.OBJECT_DAMAGED.exit);
    const { companions } = documentOf<VerifyDocument>('verify', verified);
    expect(companions).toMatchObject([{ name: 'rescue.py' }]);
    expect(doctor.stdout).toMatch(/^warn +rescue.py of nightly +rescue.py is not the one of this release/m);
    expect(readFileSync(path, 'utf8')).toBe(ours);
    expect((await site.holdfast('verify')).status).toBe(0);
  });

  it('a file comes back although somebody has written features into holdfast.json, and backups do not go on', async () => {
    const path = join(site.store, 'holdfast.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"features": []', '"features": ["zz"]'));
    const target = join(site.dir, 'featured');
    const { status, stderr } = await site.holdfast('restore', 'latest', '--account', 'anna', '--to', target);
    const backup = await site.holdfast('backup');
    writeFileSync(path, text);

    expect([status, backup.status]).toEqual([0, errorCodes.FORMAT_UNSUPPORTED.exit]);
    expect(stderr).toContain('holdfast.json says that a newer release wrote the store');
    expect(backup.stderr).toContain('take holdfast.json away and run holdfast repair --apply');
    expect(readFileSync(join(target, 'files/a'), 'utf8')).toBe('a');
    rmSync(target, { recursive: true });
  });

  it('a file comes back although holdfast.json alone is lost, and verify tells', async () => {
    const kept = join(site.dir, 'kept');
    cpSync(site.store, kept, { recursive: true });
    rmSync(join(site.store, 'holdfast.json'));
    const target = join(site.dir, 'target');
    const { status, stderr } = await site.holdfast('restore', 'latest', '--account', 'anna', '--to', target);
    const verified = await site.holdfast('verify');
    cpSync(kept, site.store, { recursive: true });

    expect(status).toBe(0);
    expect(stderr).toContain('warning: the store has lost its holdfast.json');
    expect(readFileSync(join(target, 'files/a'), 'utf8')).toBe('a');
    expect(verified.status).toBe(foreign);
  });
});
