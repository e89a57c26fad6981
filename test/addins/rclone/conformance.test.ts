/** The store contract on real remotes of several kinds, each behind its own rclone. */

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeOfBuiltin } from '../../../src/cli/builtin-places.ts';
import type { Store } from '../../../src/core/index.ts';
import { openStoreApart } from '../../../src/core/isolation/isolate.ts';
import { processOf } from '../../../src/core/isolation/isolated-store.ts';
import { checksFor, storeCheckFailure } from '../../support/run-checks.ts';
import { type S3Server, startS3 } from '../../support/s3.ts';
import { isLong } from '../../support/sweeps.ts';
import { bodyOf, makeRemotes, obscured, type Remotes, read, signal } from './remotes.ts';
import { type Service, startSshd, startWebdav } from './services.ts';

let remotes: Remotes;
let server: S3Server;
let services: Service[];

beforeAll(async () => {
  remotes = makeRemotes();
  server = await startS3();
  remotes.add('s3', {
    type: 's3',
    provider: 'Ceph',
    endpoint: server.endpoint,
    access_key_id: server.accessKey,
    secret_access_key: server.secretKey,
  });
  const [ssh, webdav] = [
    await startSshd(join(remotes.path, 'ssh')),
    await startWebdav(join(remotes.path, 'webdav')),
  ];
  services = [ssh, webdav];
  remotes.add('ssh', ssh.remote);
  remotes.add('webdav', webdav.remote);
  remotes.add('crypt', {
    type: 'crypt',
    remote: 'files:crypt',
    password: obscured('a'),
    password2: obscured('b'),
  });
});
afterAll(async () => {
  await remotes.remove();
  await Promise.all(services.map((service) => service.stop()));
  await server.stop();
});

const capabilities = {
  conditionalCreate: false,
  versions: false,
  objectLock: false,
  storageClasses: [],
  serverSideCopy: false,
  putOnly: false,
};

/** Once is enough for what costs thousands of requests and is the same code on every remote. */
const costly = 'lists more than a thousand keys, each once';
/** rclone spaces requests to these services out, by up to a tenth of a second. */
const slow = [
  costly,
  'takes many puts at once',
  'lists keys by their bytes, from any prefix, after any key, in pages of any size',
  'goes on listing after objects it has listed were removed',
  'shows a new object to every listing that begins after its put',
  'gives the new bytes, size and range as soon as a put has replaced the old ones',
  'forgets a removed object at once, in every answer',
  'stays right while objects are put, read, listed and removed all at once',
  'lists what stays exactly once while other objects come and go',
];
/** Encrypted names are longer, and a name of a directory has at most 255 bytes. */
const longNames = 'keeps every legal key as it is, however odd or long';
/** What the time of a short run is better spent on: names cost hundreds of objects, and below encryption lie the same files. */
const inShort = [...slow, longNames];
const [distant, encrypted] = isLong ? [slow, [costly, longNames]] : [inShort, inShort];

describe.each([
  { kind: 'a directory', remote: () => 'files:plain', copies: false, without: [] },
  { kind: 'a bucket', remote: () => 's3:holdfast/fleet', copies: true, without: [costly] },
  { kind: 'crypt over a directory', remote: () => 'crypt:', copies: false, without: encrypted },
  { kind: 'an SSH server', remote: () => `ssh:${remotes.path}/sftp`, copies: false, without: distant },
  { kind: 'a WebDAV server', remote: () => 'webdav:deep', copies: true, without: distant },
])('the rclone store on $kind', ({ remote, copies, without }) => {
  let store: Store;
  beforeAll(async () => {
    store = await remotes.open(remote());
  });

  const checks = checksFor({ capabilities }).filter(({ name }) => !without.some((left) => left === name));
  it.each(checks)('$name', async (check) => {
    expect(await storeCheckFailure(check, store, () => remotes.open(remote()))).toBeNull();
  });

  it('claims what the remote says it can do', () => {
    expect(store.capabilities).toEqual({ ...capabilities, serverSideCopy: copies });
  });
});

it('leaves no unfinished upload on a remote of files', () => {
  for (const place of ['data/plain', 'sftp', 'webdav/deep'])
    expect(readdirSync(join(remotes.path, place, '.tmp~'))).toEqual([]);
});

it('lists more keys of a bucket than the service gives at once', async () => {
  const many = join(remotes.path, 'many');
  mkdirSync(many);
  const names = Array.from({ length: 1100 }, (_, index) => `${10_000 + index}`);
  for (const name of names) writeFileSync(join(many, name), '');
  await server.rclone('copy', '--transfers', '16', many, 's3:many/keys');
  const store = await remotes.open('s3:many');

  const first = await store.list({ prefix: 'keys/', limit: 1050, signal });
  const second = await store.list({ prefix: 'keys/', after: first.next!, signal });

  expect([...first.objects, ...second.objects].map(({ key }) => key)).toEqual(
    names.map((name) => `keys/${name}`),
  );
  expect(second.next).toBeNull();
});

it('says of a name that encryption makes too long what is wrong with it', async () => {
  const store = await remotes.open('crypt:');
  const key = 'n'.repeat(200);
  await expect(store.put({ key, body: bodyOf('text'), signal })).rejects.toThrow(
    /does not take so long a name/,
  );
});

it('keeps names and contents on a crypt remote from whoever reads beneath it', async () => {
  const store = await remotes.open('crypt:sub');
  await store.put({ key: 'a%20b/object', body: bodyOf('text'), signal });
  const names = readdirSync(join(remotes.path, 'data/crypt'), { recursive: true, encoding: 'utf8' });
  expect(names.some((name) => name.includes('object'))).toBe(false);
});

describe('the rclone store in a process of its own', () => {
  it.each([
    { kind: 'a directory of this machine', remote: 'apart:kept', owner: 65_521 },
    { kind: 'an SSH server, with a key only root may read', remote: `ssh:apart`, owner: 0 },
  ])('keeps objects on $kind', async ({ remote, owner }) => {
    const directory = remote.startsWith('ssh')
      ? join(remotes.path, 'ssh-apart')
      : join(remotes.path, 'apart/kept');
    remotes.add('apart', { type: 'alias', remote: join(remotes.path, 'apart') });
    const settings = {
      use: 'rclone',
      remote: remote.replace('ssh:apart', `ssh:${directory}`),
      config: remotes.config,
    };
    const place = await placeOfBuiltin('rclone', settings, process.env);
    const world = { env: process.env, accounts: [join(remotes.path, 'data')] };
    const store = await openStoreApart({ ...place!, secrets: [] }, settings, world);
    try {
      const bytes = randomBytes(3_000_000);
      await store.put({ key: 'data/a', body: bodyOf(bytes), signal });
      expect(Buffer.compare(await read(store, 'data/a'), bytes)).toBe(0);
      expect((await store.list({ prefix: '', signal })).objects.map(({ key }) => key)).toEqual(['data/a']);
      expect(statSync(join(directory, 'data/a')).uid).toBe(owner);
      const apart = `/proc/${await processOf(store)}`;
      expect(statSync(apart).uid).toBe(65_521);
      // What rclone has found out of a server it could note, in a configuration of its own.
      const noted = readFileSync(join(apart, 'root/run/holdfast/addin/rclone.conf'), 'utf8');
      expect(noted.includes('md5sum_command')).toBe(remote.startsWith('ssh'));
    } finally {
      await store.close();
    }
  });
});
