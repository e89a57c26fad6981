/**
 * An encrypted store of several accounts on the day on which the server is gone: `rescue.py`, where what does not open
 * or was planted stops none of the others, and a new machine that has the recovery sheet.
 */

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import { newKeyPair } from '../../src/core/age/x25519.ts';
import { identityText } from '../../src/core/encryption/key-text.ts';
import { runRescue } from '../support/backup.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';
import { runPython } from '../support/run-python.ts';

const passphrase = 'a horse';
let site: CliSite;
let identity: string;
let sealedIdentity: string;
let owners: ReadonlyMap<string, SnapshotsDocument['snapshots'][number]>;
let targets = 0;

beforeAll(async () => {
  const dir = makeDirectory();
  for (const name of ['anna', 'ben']) {
    mkdirSync(join(dir, 'home', name), { recursive: true });
    writeFileSync(join(dir, 'home', name, 'page'), name);
  }
  writeFileSync(join(dir, 'home/anna/noise'), randomBytes(400_000));
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  [identity, sealedIdentity] = [join(dir, 'admin.key'), join(dir, 'sealed.key')];
  writeFileSync(join(dir, 'passphrase'), `${passphrase}\n`);
  const sheet = join(dir, 'sheet');
  await site.holdfast('key', 'generate', '--to', identity, '--sheet', sheet);
  const from = ['--from-sheet', sheet, '--to', sealedIdentity, '--sheet', join(dir, 'sheet2')];
  await site.holdfast('key', 'generate', ...from, '--passphrase-file', join(dir, 'passphrase'));
  const recipient = /age1[0-9a-z]+/.exec(readFileSync(identity, 'utf8'))![0];
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    encryption: { recipients: [recipient] },
  });
  expect((await site.holdfast('backup')).status).toBe(0);
  const listed = await site.holdfast('snapshots', '--json');
  const { snapshots } = documentOf<SnapshotsDocument>('snapshots', listed);
  owners = new Map(snapshots.map((one) => [one.account, one]));
});
afterAll(() => site.remove());

const latest = (account: string, target: string): string[] => [
  ...['restore', 'latest', '--account', account, '--to', join(site.dir, target)],
];
const folderOf = (kind: string, account: string): string => {
  const { server, owner } = owners.get(account)!;
  return join(site.store, kind, server, owner);
};

describe('rescue.py --identity', () => {
  it('asks for a passphrase once, however many accounts and keys there are', async () => {
    const target = `target-${++targets}`;
    const command = ['python3', '-B', join(site.store, 'rescue.py'), '--store', site.store];
    const rest = [...latest('anna', target), '--identity', sealedIdentity];
    const said = await runPython('typed_passphrase.py', [passphrase, ...command, ...rest]);

    expect(said).toMatch(/^1 0\n/);
    expect(readFileSync(join(site.dir, target, 'files/page'), 'utf8')).toBe('anna');
  });

  it.each(['8k', '256k'])('says that TMPDIR is full, of %s, and calls nothing damaged', async (size) => {
    const scratch = mkdtempSync(join(site.dir, 'scratch-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', scratch]);
    const args = [...latest('anna', `target-${++targets}`), '--identity', identity];
    try {
      const full = await runRescue(site.store, args, { ...process.env, TMPDIR: scratch });

      expect([full.status, full.problems]).toEqual([2, []]);
      expect(full.stderr).toMatch(new RegExp(`^stopped: no room to decrypt \\d+ bytes in ${scratch}: `, 'm'));
      expect(readdirSync(scratch)).toEqual([]);
    } finally {
      execFileSync('umount', [scratch]);
    }
  });

  it('reads the recovery sheet as it was typed back, and names a row that is mistyped', async () => {
    const sheet = readFileSync(join(site.dir, 'sheet'), 'utf8');
    const [typed, mistyped] = [join(site.dir, 'typed'), join(site.dir, 'mistyped')];
    writeFileSync(typed, sheet.slice(sheet.indexOf('  1:'), sheet.indexOf('The alphabet')).toLowerCase());
    writeFileSync(mistyped, sheet.replace(/^ {2}2: {2}../m, '  2:  AA'));
    const target = `target-${++targets}`;
    const [read, refused] = await Promise.all([
      runRescue(site.store, [...latest('anna', target), '--identity', typed]),
      runRescue(site.store, [...latest('anna', `${target}b`), '--identity', mistyped]),
    ]);

    expect([read.status, read.problems]).toEqual([0, []]);
    expect(readFileSync(join(site.dir, target, 'files/page'), 'utf8')).toBe('anna');
    expect(refused.stderr).toBe(
      `stopped: row 2 of the recovery sheet is missing or mistyped in ${mistyped}\n`,
    );
  });

  it('says of a file that opens nothing what it is, once', async () => {
    const [wrong, empty] = [join(site.dir, 'wrong.key'), join(site.dir, 'empty.key')];
    writeFileSync(wrong, identityText(newKeyPair().privateKey));
    writeFileSync(empty, '# nothing yet\n');
    const given = (file: string, ...args: string[]) =>
      runRescue(site.store, [...args, '--identity', file]).then(({ stderr }) => stderr);
    const [list, none, named] = await Promise.all([
      given(wrong, 'list'),
      given(empty, 'list'),
      given(wrong, ...latest('anna', 'nowhere')),
    ]);

    expect(list).toBe(
      'note: no identity given opens a key in keys/ of 2 accounts; these are shown by UUID\n',
    );
    expect(none).toContain(`stopped: ${empty} holds no identity: `);
    expect(named).toBe(
      'stopped: no account whose name can be read is called anna; no identity given opens those of 2 accounts (a UUID needs no name)\n',
    );
  });

  it('restores an account where another does not open, and says of that one why', async () => {
    const keys = folderOf('keys', 'ben');
    const [name] = readdirSync(keys);
    const whole = readFileSync(join(keys, name!));
    writeFileSync(join(keys, name!), 'garbage');
    const target = `target-${++targets}`;
    const anna = await runRescue(site.store, [...latest('anna', target), '--identity', identity]);
    const list = await runRescue(site.store, ['list', '--identity', identity]);
    const ben = owners.get('ben')!.owner;
    const other = await runRescue(site.store, [...latest(ben, `${target}b`), '--identity', identity]);
    writeFileSync(join(keys, name!), whole);

    expect([anna.status, anna.problems]).toEqual([0, []]);
    expect(readFileSync(join(site.dir, target, 'files/page'), 'utf8')).toBe('anna');
    expect(list.status).toBe(0);
    expect(list.stdout).toMatch(/^anna-/m);
    expect(list.stdout).toContain(`account ${ben}`);
    expect(list.stderr).toContain(`no identity given opens a key in keys/`);
    expect(other.status).toBe(2);
    expect(other.stderr).toMatch(new RegExp(`^stopped: no identity given opens a key in .*${ben}$`, 'm'));
  });
});

describe('a new machine with a sheet that was printed after the first backup', () => {
  it('restores what the server of the sheet signed, and nothing before it is named', async () => {
    const sheet = join(site.dir, `sheet-${++targets}`);
    const from = join(site.dir, 'sheet');
    expect(readFileSync(from, 'utf8')).toMatch(/^Signs with: not known yet/m);
    expect((await site.holdfast('key', 'generate', '--from-sheet', from, '--sheet', sheet)).status).toBe(0);
    const text = readFileSync(sheet, 'utf8');
    const field = (name: string): string => new RegExp(`^${name}: +(\\S+)`, 'm').exec(text)![1]!;
    const panel = { use: 'generic', accounts: [{ path: '/nonexistent/*' }] };
    const machine = makeSite({ panel, trustedSigners: [`${field('Server')}:${field('Signs with')}`] });
    const addin = readFileSync(join(site.config, 'addins.d/nightly.json'));
    writeFileSync(join(machine.config, 'addins.d/nightly.json'), addin);
    const target = join(machine.dir, 'target');
    const restore = ['restore', 'latest', '--account', 'anna', '--to', target, '--identity', identity];
    const named = await machine.holdfast(...restore);
    const restored = readFileSync(join(target, 'files/page'), 'utf8');
    writeJson(join(machine.config, 'config.json'), { panel, isolation: 'off' });
    const unnamed = await machine.holdfast(...restore, '--resume');
    machine.remove();

    expect([named.status, restored]).toEqual([0, 'anna']);
    expect(unnamed.status).toBe(49);
    const rescue = createHash('sha256').update(readFileSync(join(site.store, 'rescue.py')));
    expect(text).toContain(`SHA-256 ${rescue.digest('hex')}`);
  });
});

describe('manifests and a store file that somebody planted', () => {
  const sealed = (...lines: readonly [string, string]): string => {
    const text = `${lines.join('\n')}\n`;
    return `${text}{"sha256":"${createHash('sha256').update(text).digest('hex')}"}\n`;
  };
  const genuine = (): string => {
    const folder = folderOf('manifests', 'ben');
    return readFileSync(
      join(folder, readdirSync(folder).find((name) => name.startsWith('00000001'))!),
      'utf8',
    );
  };
  const changed = (change: (header: Record<string, unknown>) => void): string => {
    const [header, body] = genuine().split('\n');
    const parsed = JSON.parse(header!) as Record<string, unknown>;
    change(parsed);
    return sealed(JSON.stringify(parsed), body!);
  };

  it.each<[string, () => string]>([
    ['of a list', () => sealed('[]', '[]')],
    ['of numbers', () => sealed('1', '2')],
    ['too deep to read', () => sealed('['.repeat(200_000), '')],
    ['without a configuration', () => changed((header) => delete header['addin'])],
    ['with an object for a name', () => changed((header) => Object.assign(header, { committedAt: {} }))],
    ['with a seal of a list', () => '{}\n{}\n[]\n'],
    ['empty', () => ''],
  ])('stop nobody: one %s', async (_, text) => {
    const planted = join(
      folderOf('manifests', 'ben'),
      '00000009-20261121T203000Z-full-complete-dddddddddddd.manifest',
    );
    writeFileSync(planted, text());
    const list = await runRescue(site.store, ['list']);
    rmSync(planted);

    expect([list.status, list.problems.length]).toEqual([1, 1]);
    expect(list.stderr).not.toContain('Traceback');
    expect(list.stdout.trim().split('\n')).toHaveLength(2);
  });

  it('harm only the account they were planted for', async () => {
    const folder = folderOf('manifests', 'ben');
    const planted = ['00000009', '9007199254740993', '9'.repeat(30)].map((sequence) =>
      join(folder, `${sequence}-20261121T203000Z-full-complete-dddddddddddd.manifest`),
    );
    for (const path of planted) writeFileSync(path, sealed('[]', '[]'));
    const storeFile = join(site.store, 'holdfast.json');
    const whole = readFileSync(storeFile);
    writeFileSync(storeFile, '[]');
    const [ours, theirs] = [`target-${++targets}`, `target-${++targets}`];
    const anna = await runRescue(site.store, [...latest('anna', ours), '--identity', identity]);
    writeFileSync(storeFile, whole);
    const ben = await runRescue(site.store, [...latest('ben', theirs), '--identity', identity]);
    for (const path of planted) rmSync(path);

    expect(anna.problems).toEqual([
      'holdfast.json cannot be read, going on without it: it is no JSON object',
    ]);
    // Names with longer numbers are no manifests.
    expect([ben.status, ben.problems.length]).toEqual([1, 1]);
    for (const [name, target] of [['anna', ours] as const, ['ben', theirs] as const])
      expect(readFileSync(join(site.dir, target, 'files/page'), 'utf8')).toBe(name);
  });
});
