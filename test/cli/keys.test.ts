/** The life of a key through the command line: made, kept, tried, rotated, destroyed. */

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountsDocument } from '../../src/cli/documents/accounts.ts';
import type {
  KeyCheckDocument,
  KeyEraseDocument,
  KeyGenerateDocument,
  KeyRotateDocument,
} from '../../src/cli/documents/keys.ts';
import type { PruneDocument } from '../../src/cli/documents/prune.ts';
import type { RepairDocument } from '../../src/cli/documents/repair.ts';
import type { SnapshotsDocument, StatusDocument } from '../../src/cli/documents/snapshots.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { openState } from '../../src/core/state/state.ts';
import { runRescue } from '../support/backup.ts';
import { type CliSite, documentOf, holdfast, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let recipient = '';
const at = (name: string): string => join(site.dir, name);

const configure = (...recipients: readonly string[]): void => configureWith([], recipients);

const configureWith = (copies: readonly unknown[], recipients: readonly string[]): void =>
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 'chain' },
    store: { use: 'local', path: site.store },
    encryption: { recipients },
    copies,
  });

async function generate(name: string): Promise<string> {
  const args = ['key', 'generate', '--to', at(name), '--sheet', at(`${name}.sheet`), '--json'];
  const document = documentOf<KeyGenerateDocument>('key-generate', await site.holdfast(...args));
  return document.recipient;
}

async function check(...args: readonly string[]): Promise<KeyCheckDocument> {
  return documentOf<KeyCheckDocument>('key-check', await site.holdfast('key', 'check', '--json', ...args));
}

const resultsOf = ({ accounts }: KeyCheckDocument): Record<string, string> =>
  Object.fromEntries(accounts.map(({ account, result }) => [account, result]));

const keyFiles = (): string[] =>
  readdirSync(join(site.store, 'keys'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.age'))
    .map((name) => join(site.store, 'keys', name));

beforeAll(async () => {
  const dir = makeDirectory();
  for (const name of ['anna', 'bert']) {
    mkdirSync(join(dir, `home/${name}`), { recursive: true });
    writeFileSync(join(dir, `home/${name}/page.html`), `the page of ${name}`);
  }
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  recipient = await generate('admin');
  configure(recipient);
});
afterAll(() => site.remove());

describe('key generate', () => {
  it('makes a private identity file that age reads', () => {
    expect(statSync(at('admin')).mode & 0o777).toBe(0o600);
    expect(statSync(at('admin.sheet')).mode & 0o777).toBe(0o600);
    expect(execFileSync('age-keygen', ['-y', at('admin')], { encoding: 'utf8' }).trim()).toBe(recipient);
  });

  it('prints a sheet from which the identity can be made anew', async () => {
    const sheet = readFileSync(at('admin.sheet'), 'utf8');
    expect(sheet).not.toContain('AGE-SECRET-KEY-1Q');
    const typed = sheet.split('\n').filter((line) => /^\s*(?:[123]|Check):/.test(line));
    writeFileSync(at('typed'), typed.join('\n').toLowerCase(), { mode: 0o600 });

    const made = await site.holdfast('key', 'generate', '--from-sheet', at('typed'), '--to', at('again'));

    expect(made).toMatchObject({ status: 0, stderr: '' });
    const secret = /AGE-SECRET-KEY-1\S+/;
    expect(secret.exec(readFileSync(at('again'), 'utf8'))?.[0]).toBe(
      secret.exec(readFileSync(at('admin'), 'utf8'))![0],
    );
  });

  it('finds the row of a typing error, and shows nothing of it', async () => {
    const lines = readFileSync(at('typed'), 'utf8').split('\n');
    const row = lines.findIndex((line) => line.trim().startsWith('2:'));
    const swapped = lines[row]!.replace(/([a-z0-9])([a-z0-9])(?!\1)(?=[a-z0-9 ]{2})/, (_, a, b) =>
      a === b ? `${a === 'q' ? 'p' : 'q'}${b}` : `${b}${a}`,
    );
    expect(swapped).not.toBe(lines[row]);
    writeFileSync(at('wrong'), lines.with(row, swapped).join('\n'), { mode: 0o600 });

    const result = await site.holdfast('key', 'check', '--identity', at('wrong'));

    expect(result.status).toBe(4);
    expect(result.stderr).toContain('row 2 of the recovery sheet is mistyped');
    expect(result.stderr).not.toContain(swapped.trim().slice(4, 12));
  });

  it.each(['store', 'config/state', 'home/anna'])('refuses to put it into %s', async (place) => {
    const result = await site.holdfast('key', 'generate', '--to', at(`${place}/key`), '--sheet', at('s'));

    expect(result).toMatchObject({ status: 2 });
    expect(result.stderr).toContain('an identity does not belong there');
  });

  it('refuses so too where the configuration still lacks the key, and says what it cannot judge', async () => {
    const file = join(site.config, 'addins.d/nightly.json');
    const complete = readFileSync(file);
    writeJson(file, { name: 'nightly', store: { use: 'local', path: site.store }, copies: [] });
    for (const place of ['store', 'config/state', 'home/anna']) {
      const result = await site.holdfast('key', 'generate', '--to', at(`${place}/key`), '--sheet', at('s'));
      expect(result, place).toMatchObject({ status: 2 });
    }
    writeFileSync(file, '{');
    const made = await site.holdfast('key', 'generate', '--to', at('first'), '--sheet', at('first.sheet'));
    expect(made.status).toBe(0);
    expect(made.stderr).toContain(`it is not known whether the file lies in a store of "${file}"`);
    writeFileSync(file, complete);
  });

  it('refuses to replace a file', async () => {
    expect(await site.holdfast('key', 'generate', '--to', at('admin'))).toMatchObject({
      status: 60,
      stdout: '',
    });
  });
});

describe('key check', () => {
  it('is no success where there is nothing to try', async () => {
    const nothing = await site.holdfast('key', 'check', '--identity', at('typed'), '--confirm');

    expect(nothing.status).toBe(40);
    expect(nothing.stderr).toContain('the store has no snapshots');
  });

  it('records nothing where nothing is encrypted', async () => {
    const plain = { name: 'plain', store: { use: 'local', path: at('plain') }, provider: { use: 's3-tar' } };
    const file = join(site.config, 'addins.d/plain.json');
    writeJson(file, { ...plain, encryption: 'none', accounts: { include: ['bert'] } });
    await site.holdfast('backup', '--addin', 'plain');
    const checking = ['key', 'check', '--identity', at('typed'), '--confirm', '--addin', 'plain'];
    const checked = await site.holdfast(...checking).finally(() => rmSync(file));

    expect([checked.status, checked.stderr]).toEqual([
      40,
      expect.stringContaining('not recorded as kept: nothing there is encrypted'),
    ]);
  });
});

describe('the life of a key', () => {
  it('begins with a warning at each run, until somebody shows to hold it', async () => {
    const first = await site.holdfast('backup');
    expect(first.status).toBe(0);
    expect(first.stderr).toContain('warning: identity-unconfirmed');

    const checked = await check('--identity', at('typed'), '--confirm');
    expect(checked).toMatchObject({ exitStatus: 0, confirmed: [recipient] });
    expect(resultsOf(checked)).toEqual({ anna: 'opens', bert: 'opens' });

    expect(await site.holdfast('backup')).toMatchObject({ status: 0, stderr: '' });
  });

  it('says which identity opens nothing', async () => {
    await generate('stranger');
    const checked = await check('--identity', at('stranger'), '--confirm');

    expect(checked).toMatchObject({ exitStatus: 47, confirmed: [] });
    expect(resultsOf(checked)).toEqual({ anna: 'wrong-key', bert: 'wrong-key' });
    expect(await site.holdfast('key', 'check')).toMatchObject({ status: 46 });
  });

  it('finds what is locked by the beginning of the name that is shown for it', async () => {
    const { stdout } = await site.holdfast('snapshots', '--account', 'anna');
    const shown = /^anna-\d{8}T\d{6}Z-[0-9a-f]{8}/m.exec(stdout)?.[0] ?? 'none';
    const locked = await site.holdfast('ls', shown);
    const state = at('config/state');
    renameSync(join(state, 'accounts.json'), at('accounts.json'));
    const nameless = await site
      .holdfast('ls', shown)
      .finally(() => renameSync(at('accounts.json'), join(state, 'accounts.json')));

    expect([locked.status, locked.stderr]).toEqual([46, expect.stringContaining('no identity was given')]);
    expect(nameless.status).toBe(40);
    expect(nameless.stderr).toMatch(/no snapshot whose name can be read begins with .*; \d are locked/);
  });

  it('tries the newest that is ours, whatever somebody has put above it', async () => {
    const manifests = join(site.store, 'manifests');
    const names = readdirSync(manifests, { recursive: true, encoding: 'utf8' });
    const place = dirname(names.find((name) => name.endsWith('.manifest'))!);
    const planted = join(manifests, place, '00000099-20991121T203000Z-full-complete-dddddddddddd.manifest');
    writeFileSync(planted, '');
    const checked = await check('--identity', at('typed')).finally(() => rmSync(planted));

    expect(checked.exitStatus).toBe(0);
    expect(checked.accounts.map(({ message }) => message).sort()).toEqual([
      'newer ones are damaged or not trusted: see verify',
      null,
    ]);
  });

  it('goes on with other recipients, and the dropped identity opens no key object any more', async () => {
    const before = keyFiles();
    const fresh = await generate('fresh');
    configureWith([{ name: 'off', store: { use: 'local', path: at('off') } }], [fresh]);
    expect((await site.holdfast('backup')).stderr).toContain('warning: recipients-changed');

    const result = await site.holdfast('key', 'rotate', '--identity', at('admin'), '--json');
    const rotated = documentOf<KeyRotateDocument>('key-rotate', result);

    expect(rotated).toMatchObject({ exitStatus: 0, recipients: [fresh] });
    expect(result.stderr).toContain('run holdfast key rotate --addin nightly --copy off');
    expect(rotated.keys.map(({ action, removed, kept }) => [action, removed, kept])).toEqual([
      ['encrypted-anew', 1, 0],
      ['encrypted-anew', 1, 0],
    ]);
    expect(keyFiles().filter((file) => before.includes(file))).toEqual([]);
    expect(resultsOf(await check('--identity', at('fresh')))).toEqual({ anna: 'opens', bert: 'opens' });
    expect(resultsOf(await check('--identity', at('admin')))).toEqual({
      anna: 'wrong-key',
      bert: 'wrong-key',
    });
    await site.holdfast('key', 'check', '--identity', at('fresh'), '--confirm');
    // What replaced the keys has come to the copy, and what was replaced is still there.
    expect((await site.holdfast('backup')).stderr).toMatch(
      /^warning: recipients-changed: the copy off .* 2 acc/m,
    );
    const inCopy = ['key', 'rotate', '--copy', 'off', '--identity', at('fresh')];
    expect((await site.holdfast(...inCopy)).status).toBe(0);
    expect((await check('--copy', 'off', '--identity', at('admin'))).exitStatus).toBe(47);
    expect(await site.holdfast('backup')).toMatchObject({ status: 0, stderr: '' });
    configure(fresh);
    const again = await site.holdfast('key', 'rotate', '--identity', at('admin'), '--json');
    const { keys } = documentOf<KeyRotateDocument>('key-rotate', again);
    expect([again.status, keys.map(({ action }) => action)]).toEqual([0, ['up-to-date', 'up-to-date']]);
  });

  it('goes on with a new epoch, which needs no identity', async () => {
    const result = await site.holdfast('key', 'rotate', '--epoch', '--json');
    const rotated = documentOf<KeyRotateDocument>('key-rotate', result);
    expect(rotated.keys.map(({ action, epoch }) => [action, epoch])).toEqual([
      ['new-epoch', 2],
      ['new-epoch', 2],
    ]);
    writeFileSync(at('home/anna/new.html'), 'after the rotation');
    expect((await site.holdfast('backup')).status).toBe(0);

    const checked = await check('--identity', at('fresh'));
    expect(checked.accounts.map(({ epoch, result: one }) => [epoch, one])).toEqual([
      [2, 'opens'],
      [2, 'opens'],
    ]);
    const restore = ['restore', 'latest', '--account', 'anna', '--identity', at('fresh')];
    expect((await site.holdfast(...restore, '--to', at('restored'))).status).toBe(0);
    expect(readFileSync(at('restored/files/new.html'), 'utf8')).toBe('after the rotation');
    expect(readFileSync(at('restored/files/page.html'), 'utf8')).toBe('the page of anna');
  });
});

describe('another machine, with a state of its own', () => {
  const other = async (...args: readonly string[]) => holdfast('--config', at('other'), ...args);

  it('tries the snapshots of all servers where it has none itself, and takes nothing for an erasure of nothing', async () => {
    cpSync(site.config, at('other'), { recursive: true, filter: (path) => !path.endsWith('/state') });
    await openState(at('other/state'), {
      ...{ now: Date.now, newUuid: randomUUID, machineId: async () => 'other' },
      ...{ readXattr: async () => null, readStamp: async () => null, writeXattr: async () => {} },
    });

    const checked = await other('key', 'check', '--identity', at('fresh'), '--json');
    expect(documentOf<KeyCheckDocument>('key-check', checked).accounts).toHaveLength(2);
    expect(checked.stderr).toContain('this server has no snapshots in the store');
    const uuid = '00000000-0000-4000-8000-000000000000';
    const nothing = await other('key', 'erase', '--account', uuid, '--reason', 'asked', '--apply');
    expect(nothing.status).toBe(20);
    const rotated = await other('key', 'rotate', '--identity', at('fresh'));
    expect(rotated.status).toBe(2);
    expect(rotated.stderr).toContain('Name the server whose keys are meant');
  });
});

describe('key erase', () => {
  const erase = ['key', 'erase', '--account', 'anna', '--reason', 'asked to be forgotten'];
  const erased = async (...more: readonly string[]): Promise<KeyEraseDocument> =>
    documentOf<KeyEraseDocument>('key-erase', await site.holdfast(...erase, '--json', ...more));

  it('changes nothing without --apply', async () => {
    const before = keyFiles();
    const document = await erased();

    expect(document).toMatchObject({ applied: false, exitStatus: 0 });
    expect(document.stores).toMatchObject([{ store: 'nightly', holds: [], keys: 2, plain: 0 }]);
    expect(document.stores[0]!.closed).toBeGreaterThan(2);
    expect(keyFiles()).toEqual(before);
  });

  it('is refused while a legal hold stands, which it names', async () => {
    const hold = ['all', '--account', 'anna', '--legal-hold'];
    const pinned = await site.holdfast('pin', ...hold, '--reason', 'court order 7');
    expect(pinned.status).toBe(0);
    const before = keyFiles();

    const document = await erased('--apply');

    expect(document.exitStatus).toBe(66);
    expect(document.stores[0]!.holds[0]).toContain('court order 7');
    expect(keyFiles()).toEqual(before);
    expect((await site.holdfast('unpin', ...hold)).status).toBe(0);
  });

  it('leaves nothing that any identity opens, and everything of others', async () => {
    const stateDir = at('config/state');
    const document = await erased('--apply');

    expect(document).toMatchObject({ applied: true, exitStatus: 0 });
    expect(document.stores[0]!.remaining.count).toBeGreaterThan(0);
    expect(document.stores[0]!.keyless).toBe(0);
    const [again] = (await erased()).stores;
    expect(again!.keyless).toBe(again!.closed);
    expect(readdirSync(join(site.store, 'keys'), { recursive: true })).not.toContain(document.owner);
    expect(keyFiles().filter((file) => file.includes(document.owner))).toEqual([]);
    const cached = readdirSync(join(stateDir, 'parents'), { recursive: true, encoding: 'utf8' });
    expect(cached.filter((name) => name.includes(document.owner))).toEqual([]);
    expect(resultsOf(await check('--identity', at('fresh')))).toEqual({ anna: 'erased', bert: 'opens' });
    const restore = ['restore', 'latest', '--account', 'anna', '--identity', at('fresh')];
    expect((await site.holdfast(...restore, '--to', at('nothing'))).status).not.toBe(0);
  });

  it('is no damage to verify, no good backup to status, and no failure where all others come back', async () => {
    const whose = ['--account', 'anna', '--identity', at('fresh'), '--json'];
    const verified = await site.holdfast('verify', ...whose);
    const looked = documentOf<StatusDocument>('status', await site.holdfast('status', '--json'));
    const shown = documentOf<AccountsDocument>('accounts', await site.holdfast('accounts', '--json'));
    const to = mkdtempSync(at('all-'));
    const restored = await site.holdfast(
      ...['restore', 'latest', '--all', '--to', to, '--identity', at('fresh'), '--json'],
    );

    expect(verified.status).toBe(0);
    for (const one of documentOf<VerifyDocument>('verify', verified).snapshots)
      expect(one).toMatchObject({ erased: true, problems: [] });
    expect(looked.accounts).toMatchObject([
      { account: 'anna', erased: true, lastGoodAt: null },
      { account: 'bert', erased: false },
    ]);
    expect(shown.accounts).toMatchObject([
      { site: 'anna', lastGoodAt: null },
      { site: 'bert', lastGoodAt: expect.any(String) },
    ]);
    expect(restored).toMatchObject({ status: 0 });
    expect(readdirSync(to)).toEqual(['bert']);
    expect(restored.stderr).toMatch(/^note: .*erased /m);
    const wrong = [...['restore', 'latest', '--all', '--to', at('none')], '--identity', at('admin')];
    const locked = await site.holdfast(...wrong);
    expect([locked.status, locked.stderr]).toEqual([47, expect.stringContaining('hint: ')]);
    expect(locked.stderr).not.toContain('no identity was given');
  });

  it('is left alone by repair, compact and find, and ls says what it is', async () => {
    const mine = ['--identity', at('fresh')];
    const repaired = await site.holdfast('repair', '--apply', ...mine, '--json');
    expect(repaired.status).toBe(0);
    const { objects, erased: closed } = documentOf<RepairDocument>('repair', repaired);
    expect([objects, closed > 0]).toEqual([[], true]);
    expect((await site.holdfast('compact', ...mine)).status).toBe(0);
    const found = await site.holdfast('find', 'none', ...mine);
    expect([found.status, found.stderr]).toEqual([0, expect.stringContaining('erased; prune removes them')]);
    expect((await site.holdfast('find', 'none', '--identity', at('admin'))).status).toBe(47);
    const listed = await site.holdfast('ls', 'latest', '--account', 'anna', ...mine);
    expect([listed.status, listed.stderr]).toEqual([43, expect.stringContaining('asked to be forgotten')]);
  });

  it('begins anew with a full of a new key, and prune takes away what was erased', async () => {
    const { status, stdout } = await site.holdfast('backup', '--account', 'anna');
    expect([status, stdout]).toEqual([100, expect.stringContaining('is a full: the account was erased at ')]);
    expect(resultsOf(await check('--identity', at('fresh')))).toEqual({ anna: 'opens', bert: 'opens' });
    const rescued = await runRescue(site.store, ['list', '--identity', at('fresh')]);
    expect([rescued.status, rescued.problems]).toEqual([0, []]);
    expect(rescued.stderr).toMatch(/^note: manifest .* is of an erased account: the key 00001-/m);

    const listed = await site.holdfast('snapshots', '--account', 'anna', '--json', '--identity', at('fresh'));
    const all = documentOf<SnapshotsDocument>('snapshots', listed).snapshots;
    expect(all.at(-1)).toMatchObject({ erased: false, encryption: 'open', domain: null });
    for (const one of all.slice(0, -1)) expect(one).toMatchObject({ erased: true, encryption: 'locked' });

    const result = await site.holdfast('prune', '--account', 'anna', '--json', '--identity', at('fresh'));
    const { snapshots } = documentOf<PruneDocument>('prune', result);

    expect(snapshots.at(-1)).toMatchObject({ action: 'keep', level: 'full' });
    const gone = snapshots.slice(0, -1);
    expect(gone.map(({ action }) => action)).toEqual(gone.map(() => 'remove'));
    expect(gone[0]!.reasons[0]).toContain('asked to be forgotten');
    rmSync(at('restored'), { recursive: true, force: true });
  });

  it('shows whose keys go, on which servers and from when', async () => {
    const { stdout } = await site.holdfast(...erase);

    expect(stdout).toMatch(/^account [0-9a-f-]{36}, now anna$/m);
    expect(stdout).toMatch(/^nightly: server [0-9a-f-]{36}: \d+ snapshots?, \S+ \S+ to \S+ \S+ UTC$/m);
  });

  it('refuses a name that another account had before', async () => {
    rmSync(at('home/anna'), { recursive: true, force: true });
    mkdirSync(at('home/anna'));
    writeFileSync(at('home/anna/page.html'), 'another customer');
    // It says that the directory does not carry the UUID it had.
    expect((await site.holdfast('backup', '--account', 'anna')).status).toBe(100);
    const before = keyFiles();

    const refused = await site.holdfast(...erase, '--apply');

    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(
      /was the name of several accounts: [0-9a-f-]{36} \(anna, seen from \S+ to /,
    );
    expect(keyFiles()).toEqual(before);
  });
});
