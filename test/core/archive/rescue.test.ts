/**
 * `rescue.py` on stores that the engine wrote: it shares no code with us, only docs/format.md. That it
 * restores every kind of entry is shown in test/core/jobs/fidelity.test.ts.
 */

import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes, randomInt, sign } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeManifest } from '../../../src/core/archive/manifest.ts';
import { openSigner } from '../../../src/core/state/signing-key.ts';
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
  execFileSync('setfacl', ['-m', 'u:33:rw-,g::---,o::---', join(site, 'shadow/home/mail')]);
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

  it('means the account by a domain, where its databases are kept apart as well', async () => {
    const { header, body, key } = await lab.latest();
    const owner = '99999999-9999-8999-8999-999999999999';
    const account = { ...body.account, site: `${body.account.site}.databases` };
    const other = encodeManifest({ header: { ...header, owner }, body: { ...body, account } }, null);
    const path = join(lab.storePath, key.replace(header.owner, owner));
    mkdirSync(dirname(path));
    writeFileSync(path, other);
    const listed = await lab.rescue('list', '--account', 'lab.example');
    const apart = await lab.rescue('list', '--account', account.site);
    rmSync(dirname(path), { recursive: true });

    expect([listed.status, apart.status]).toEqual([0, 0]);
    expect(listed.stdout).not.toContain(owner);
    expect(apart.stdout).toContain(owner);
  });

  it('takes an older snapshot by its id with the UUID, and only a path of it', async () => {
    const target = join(directory, 'part');
    const { header } = await lab.latest();
    const withUuid = names[0]!.replace(/^.*(?=-\d{8}T)/, header.owner);
    const { status } = await lab.rescue('restore', withUuid, '--to', target, '--path', 'shadow/var/www');

    expect(status).toBe(0);
    expect(readFileSync(join(target, 'shadow/var/www/index.html'), 'utf8')).toBe('first');
    expect([existsSync(join(target, 'shadow/home')), existsSync(join(target, 'info'))]).toEqual([
      false,
      false,
    ]);
  });

  it.each(['rescue.py', 'our restore'])(
    'gives no group what an access list denied where %s can set none',
    async (who) => {
      const target = mkdtempSync(join(directory, 'no-lists-'));
      execFileSync('mount', ['-t', 'ramfs', 'ramfs', target]);
      try {
        const to = join(target, 'restored');
        const path = 'shadow/home/mail';
        const args = ['restore', 'latest', '--account', 'site1', '--to', to, '--path', path];
        const said =
          who === 'rescue.py'
            ? (await lab.rescue(...args)).problems
            : (await lab.restore(to, { paths: [Buffer.from(path)] })).warnings.map(({ message }) => message);

        expect(said.join('\n')).toContain('system.posix_acl_access');
        expect(statSync(join(site, path)).mode & 0o777).toBe(0o660);
        expect(statSync(join(to, path)).mode & 0o777).toBe(0o600);
      } finally {
        execFileSync('umount', [target]);
      }
    },
  );

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

  it('sets what chattr had set where it has a file open, and walks once to many that forbid changes', () => {
    const program = `
import importlib.util, os, stat, sys
spec = importlib.util.spec_from_file_location('rescue', sys.argv[1])
rescue = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rescue)
walk = rescue.walk
rescue.walk = lambda fd, parts, *flags: (print('walk', b'/'.join(parts).decode()), walk(fd, parts, *flags))[1]
rescue.set_flags = lambda fd, flags: print(os.path.relpath(os.readlink('/proc/self/fd/%d' % fd), sys.argv[2]), flags)
index = type('Index', (), {'pour': lambda *_: None})
target = rescue.Target(sys.argv[2])
def put(path, mode, flags):
    entry = rescue.Entry()
    entry.path, entry.parts, entry.mode, entry.flags = path, path.split(b'/'), mode, flags
    entry.uid, entry.gid, entry.mtime_ns, entry.inode, entry.xattrs, entry.target, entry.device = 0, 0, 0, 1, {}, b'', 0
    entry.content = rescue.Content(0, b'', [])
    target.put(entry, index)
put(b'd', stat.S_IFDIR | 0o755, 512)
put(b'd/e', stat.S_IFDIR | 0o755, 0)
put(b'd/e/a', stat.S_IFREG | 0o644, 512)
put(b'd/e/b', stat.S_IFREG | 0o644, 128)
put(b'd/e/c', stat.S_IFREG | 0o644, 256 | 512)
put(b'd/e/pipe', stat.S_IFIFO | 0o644, 128 | 512)
target.close()
`;
    const told = execFileSync('python3', ['-B', '-c', program, rescueFile, join(directory, 'flags')]);

    expect(told.toString().trim().split('\n')).toEqual([
      'd/e/a 512',
      'd 512',
      'walk d/e',
      'd/e/b 128',
      'd/e/c 768',
    ]);
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

describe('rescue.py --signer', () => {
  const restore = (to: string, ...options: string[]) =>
    lab.rescue('restore', 'latest', '--account', 'site1', '--to', join(directory, to), ...options);

  it('takes what the server signed, and nothing of a key that was not named', async () => {
    const { publicKey } = await openSigner(lab.stateDir, lab.state.server.uuid);
    // Status 1: a database failed when it was made.
    const { status, problems } = await restore('signed', '--signer', publicKey.toUpperCase());
    expect([status, problems.length]).toEqual([1, 1]);
    const other = await restore('unsigned', '--signer', 'ab'.repeat(32));
    expect(other.status).toBe(2);
    expect(other.stderr).toContain(`is not trusted: it is signed with ${publicKey}, which was not named`);
    expect(existsSync(join(directory, 'unsigned'))).toBe(false);
    expect((await restore('none', '--signer', 'x')).status).toBe(2);
  });

  it('passes over revisions that are damaged or of somebody else, and says so', async () => {
    const { publicKey } = await openSigner(lab.stateDir, lab.state.server.uuid);
    const thief = await openSigner(join(directory, 'thief'), lab.state.server.uuid);
    const { header, body, key } = await lab.latest();
    const path = (revision: number) =>
      join(lab.storePath, key.replace('.manifest', `-r${revision}.manifest`));
    const forged = { header: { ...header, revision: 1 }, body: { ...body, components: [] } };
    writeFileSync(path(1), encodeManifest(forged, thief));
    writeFileSync(path(2), 'garbage');
    const { status, problems } = await restore('passed-over', '--signer', publicKey);

    expect(status).toBe(1);
    expect(problems.filter((line) => /manifest .+ is (?:damaged|not trusted)/.test(line))).toHaveLength(2);
    expect(readFileSync(join(directory, 'passed-over/shadow/var/www/index.html'), 'utf8')).toBe('second');
    for (const revision of [1, 2]) rmSync(path(revision));
  });

  it('verifies signatures as RFC 8032 has it, and as node:crypto makes them', () => {
    const vectors = [
      ...rfcVectors,
      ...Array.from({ length: 12 }, (_, n) => {
        const { publicKey, privateKey } = generateKeyPairSync('ed25519');
        const message = randomBytes(n * 50);
        const key = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
        return [key, message, sign(null, message, privateKey)].map((part) => part.toString('hex'));
      }),
    ];
    const altered = vectors.flatMap((vector) =>
      vector.flatMap((part, at) => {
        if (part === '') return [];
        const bytes = Buffer.from(part, 'hex');
        bytes[randomInt(bytes.length)]! ^= 1 << randomInt(8);
        return [vector.map((one, other) => (other === at ? bytes.toString('hex') : one))];
      }),
    );
    const program = `
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('rescue', sys.argv[1])
rescue = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rescue)
for key, data, signature in json.load(sys.stdin):
    print(rescue.signature_fits(*map(bytes.fromhex, (key, signature, data))))
`;
    const verdicts = (list: readonly (readonly string[])[]): string[] =>
      execFileSync('python3', ['-B', '-c', program, rescueFile], { input: JSON.stringify(list) })
        .toString()
        .trim()
        .split('\n');

    expect(verdicts(vectors)).toEqual(vectors.map(() => 'True'));
    expect(verdicts(altered)).toEqual(altered.map(() => 'False'));
  });
});

const rescueFile = fileURLToPath(new URL('../../../src/core/archive/rescue.py', import.meta.url));
/** Public key, message and signature of tests 1 to 3 in section 7.1. */
const rfcVectors = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
];

async function openCopy(store: string): Promise<(snapshot: string) => Promise<number>> {
  return async (snapshot) => (await lab.rescue('--store', store, 'verify', snapshot)).status;
}
