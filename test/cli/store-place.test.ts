import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyCheckDocument, KeyRotateDocument } from '../../src/cli/documents/keys.ts';
import { newKeyPair } from '../../src/core/age/x25519.ts';
import { identityOf } from '../../src/core/encryption/identities.ts';
import { identityText } from '../../src/core/encryption/key-text.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { engineChecks } from '../../src/core/jobs/verify-store/engine-checks.ts';
import { readVerifications } from '../../src/core/state/verifications.ts';
import { adminClient, newBucket } from '../addins/s3/bench-of-store.ts';
import { type CliSite, documentOf, ended, makeSite, startHoldfast, writeJson } from '../support/cli.ts';
import { type S3Server, startS3 } from '../support/s3.ts';

interface Verification {
  readonly sound: boolean;
  readonly prefix: string;
  readonly leftBehind: string | null;
  readonly abilities: readonly { readonly name: string; readonly state: string; readonly verdict: string }[];
  readonly checks: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string | null;
  }[];
}

interface Setup {
  readonly server: string | null;
  readonly exitStatus: number;
  readonly actions: readonly { readonly name: string; readonly state: string }[];
  readonly findings: readonly { readonly name: string; readonly state: string; readonly detail: string }[];
  readonly rights: readonly { readonly name: string; readonly allowed: string }[];
  readonly policies: readonly { readonly role: string; readonly document: { Statement: object[] } }[];
}

const panel = { use: 'generic', accounts: [{ path: '/nonexistent/*' }] };
const sites: CliSite[] = [];
function newSite(store?: Readonly<Record<string, unknown>>, rest: object = {}): CliSite {
  const site = makeSite({ panel });
  sites.push(site);
  if (store !== undefined) {
    const provider = { use: 's3-tar' };
    const addin = { name: 'nightly', provider, store, encryption: 'none', ...rest };
    writeJson(join(site.config, 'addins.d/nightly.json'), addin);
  }
  return site;
}

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(async () => {
  for (const site of sites) site.remove();
  await server.stop();
});

const s3 = (bucket: string, settings: Readonly<Record<string, unknown>> = {}) => ({
  use: 's3',
  endpoint: server.endpoint,
  bucket,
  prefix: 'fleet/',
  accessKeyId: 'env:TEST_KEY',
  secretAccessKey: 'env:TEST_SECRET',
  ...settings,
});

const run = (site: CliSite, args: readonly string[], keys = [server.accessKey, server.secretKey]) =>
  ended(
    startHoldfast(['--config', site.config, ...args], {
      ...process.env,
      TEST_KEY: keys[0],
      TEST_SECRET: keys[1],
    }),
  );

const stateOf = (all: readonly { readonly name: string; readonly state: string }[], wanted: string) =>
  all.find(({ name }) => name === wanted)?.state;

describe('addin verify', () => {
  it('finds a directory sound, line by line, and leaves it as it was', async () => {
    const site = newSite();
    mkdirSync(join(site.store, 'data'), { recursive: true });
    const { status, stdout } = await site.holdfast('addin', 'verify', 'nightly');

    expect(status).toBe(0);
    expect(stdout).toMatch(/^ +versions +no +none: what is overwritten is gone$/m);
    expect(stdout).toMatch(/^ok +the store lists more than a thousand keys, each once$/m);
    expect(stdout).toMatch(/^skipped +the store accepts .* \(the store does not claim it\)$/m);
    expect(stdout).toMatch(/^\d+ checks: \d+ ok, 0 failed, 4 skipped$/m);
    expect(readdirSync(site.store, { recursive: true })).toEqual(['.tmp~']);
  });

  it('cleans up when it is interrupted', async () => {
    const site = newSite();
    const child = site.start('addin', 'verify', 'nightly');
    let sent = false;
    child.stdout?.on('data', (text: Buffer) => {
      if (sent || !text.includes('keeps what was there when a body breaks')) return;
      sent = true;
      child.kill('SIGINT');
    });
    const { status, stderr } = await ended(child);

    expect(status).toBe(errorCodes.INTERRUPTED.exit);
    expect(stderr).not.toContain('left');
    expect(existsSync(join(site.store, 'data'))).toBe(false);
  });

  it('finds a real bucket sound, and removes every version of what it wrote', async () => {
    const bucket = await newBucket(server, { versions: true });
    const site = newSite(s3(bucket));
    const result = await run(site, ['addin', 'verify', 'nightly', '--json']);
    const document = documentOf<Verification>('addin-verification', result);

    expect(result.status).toBe(0);
    expect(document).toMatchObject({
      sound: true,
      leftBehind: null,
      store: { name: 's3', version: '1.0.0', contract: 1 },
      provider: { name: 's3-tar' },
    });
    expect(await readVerifications(site.state)).toEqual([
      expect.objectContaining({ kind: 'provider', name: 's3-tar', sound: true, failed: 0 }),
      expect.objectContaining({ kind: 'store', name: 's3', configuration: 'nightly', sound: true }),
    ]);
    expect(stateOf(document.abilities, 'versions')).toBe('yes');
    // Ceph does not enforce it where there are versions.
    expect(stateOf(document.abilities, 'create-only')).toBe('partly');
    expect(await server.rclone('lsf', '-R', '--s3-versions', `s3:${bucket}`)).toBe('');
  });

  it('says what put-only credentials cannot do, and what it had to leave', async () => {
    const bucket = await newBucket(server);
    await server.admin('user', 'create', '--uid=w', '--display-name=w', '--access-key=w', '--secret-key=ws');
    const site = newSite(s3(bucket, { putOnly: true }));
    const init = await run(site, ['store', 'init', '--apply', '--json']);
    const { policies } = documentOf<Setup>('store-setup', init);
    const writer = policies.find(({ role }) => role === 'writer')?.document.Statement ?? [];
    const Principal = { AWS: ['arn:aws:iam:::user/w'] };
    const Statement = writer.map((one) => ({ ...one, Principal }));
    const client = adminClient(server);
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Statement }) }));
    client.destroy();
    const result = await run(site, ['addin', 'verify', 'nightly', '--json'], ['w', 'ws']);
    const { abilities, checks, leftBehind, prefix } = documentOf<Verification>('addin-verification', result);

    expect(result.status).toBe(0);
    // Ceph lets whoever has put an object read it, so that reading is not among them here.
    expect(abilities.map(({ name, state }) => `${name} ${state}`)).toEqual(
      expect.arrayContaining(['listing no', 'removing no', 'create-only, large objects unknown']),
    );
    // What the provider does with the engine is tried over a store in memory.
    expect(checks.filter(({ state }) => state !== 'skipped').map(({ name }) => name)).toEqual(
      engineChecks.map(({ name }) => name),
    );
    expect(leftBehind).toContain('STORE_DENIED');
    expect(result.stderr).toContain(prefix);
    const left = (await server.rclone('lsf', '-R', '--files-only', `s3:${bucket}`)).trim().split('\n');
    expect(left.every((key) => key.startsWith(`fleet/${prefix}`))).toBe(true);
    // It does not keep the first backup from making the store.
    expect((await run(newSite(s3(bucket)), ['doctor'])).stdout).toContain('is empty, and is made ready');
  });

  it('names the bucket that is not there', async () => {
    const { status, stderr } = await run(newSite(s3('no-such-bucket')), ['addin', 'verify', 'nightly']);

    expect(status).toBe(errorCodes.STORE_UNAVAILABLE.exit);
    expect(stderr).toContain('there is no such bucket');
  });
});

describe('a server whose credentials can only put', () => {
  it('confirms an identity, begins new keys, and forgets one that was erased elsewhere', async () => {
    const bucket = await newBucket(server);
    const user = `w${bucket.replaceAll(/[^a-z0-9]/g, '')}`;
    await server.admin(
      'user',
      'create',
      `--uid=${user}`,
      '--display-name=w',
      `--access-key=${user}`,
      '--secret-key=ws',
    );
    const secret = identityText(newKeyPair().privateKey);
    const { recipient } = (await identityOf(secret))!;
    const encryption = { recipients: [recipient] };
    const site = newSite(s3(bucket, { putOnly: true }), { encryption });
    const home = join(site.dir, 'home/anna');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'page.html'), 'hello');
    writeFileSync(join(site.dir, 'identity'), `${secret}\n`, { mode: 0o600 });
    const accounts = [{ path: join(site.dir, 'home/*') }];
    writeJson(join(site.config, 'config.json'), { isolation: 'off', panel: { ...panel, accounts } });
    const admin = newSite(s3(bucket), { encryption });
    const setup = documentOf<Setup>('store-setup', await run(site, ['store', 'init', '--apply', '--json']));
    const writer = setup.policies.find(({ role }) => role === 'writer')?.document.Statement ?? [];
    const Principal = { AWS: [`arn:aws:iam:::user/${user}`] };
    const granted = writer.map((one) => ({ ...one, Principal }));
    // On Ceph an object is its writer's: the owner of the bucket reads it where the policy says so.
    const [Resource, all] = [[`arn:aws:s3:::${bucket}/*`], { AWS: ['*'] }];
    const reader = { Effect: 'Allow', Principal: all, Action: ['s3:GetObject', 's3:DeleteObject'], Resource };
    const Policy = JSON.stringify({ Statement: [...granted, reader] });
    const client = adminClient(server);
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    client.destroy();
    const write = (...args: readonly string[]) => run(site, args, [user, 'ws']);
    const identity = ['--identity', join(site.dir, 'identity')];
    const checked = async (): Promise<KeyCheckDocument['accounts'][number]> => {
      const result = await run(admin, ['key', 'check', '--json', ...identity]);
      expect(result.stderr).toBe('');
      return documentOf<KeyCheckDocument>('key-check', result).accounts[0]!;
    };

    expect((await write('key', 'check', ...identity, '--confirm')).status).toBe(0);
    // The first one makes the store, which the writer may not.
    expect(await run(site, ['backup'])).toMatchObject({ status: 0, stderr: '' });
    const rotated = await write('key', 'rotate', '--epoch', '--json');
    expect(documentOf<KeyRotateDocument>('key-rotate', rotated).keys).toMatchObject([{ epoch: 2 }]);
    expect((await write('backup')).status).toBe(0);
    const { owner, ...opened } = await checked();
    expect(opened).toMatchObject({ epoch: 2, result: 'opens' });

    const erase = ['key', 'erase', '--account', owner, '--reason', 'asked for', '--apply'];
    expect(await write(...erase)).toMatchObject({ status: 52, stderr: expect.stringContaining('--local') });
    const erased = await run(admin, erase);
    expect(erased.status).toBe(0);
    expect(erased.stderr).toContain(`holdfast key erase --account ${owner} --local --apply`);
    expect((await write('key', 'erase', '--account', owner, '--local', '--apply')).status).toBe(0);
    expect((await write('backup')).status).toBe(0);
    expect(await checked()).toMatchObject({ epoch: 3, result: 'opens' });
  });
});

describe('store init', () => {
  it('changes nothing without --apply, not even here', async () => {
    const site = newSite(s3('made-by-init'));
    const look = await run(site, ['store', 'init', '--json']);
    const before = documentOf<Setup>('store-setup', look);

    expect(look.status).toBe(errorCodes.STORE_UNAVAILABLE.exit);
    expect(before.server).toBe(null);
    expect(existsSync(site.state)).toBe(false);
    expect(JSON.stringify(before.policies)).toContain('/data/SERVER/*');

    const applied = await run(site, ['store', 'init', '--apply', '--json']);
    const after = documentOf<Setup>('store-setup', applied);

    expect(applied.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(after.actions.map(({ name, state }) => `${name} ${state}`)).toContain('public access taken-back');
    expect(JSON.stringify(after.policies)).toContain(`/data/${after.server}/*`);
    expect((await run(site, ['store', 'init'])).status).toBe(0);
  });

  it('sets up a directory, and says what is wrong with one', async () => {
    const site = newSite();
    mkdirSync(site.store, { mode: 0o755 });
    const look = await site.holdfast('store', 'init');

    expect(look.status).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(look.stdout).toMatch(/^warning +directory .* mode 0755/m);
    const applied = documentOf<Setup>(
      'store-setup',
      await site.holdfast('store', 'init', '--apply', '--json'),
    );
    expect(
      applied.findings.filter(({ name, state }) => !/^(room|inodes)$/.test(name) && state !== 'ok'),
    ).toEqual([]);
    expect(readdirSync(site.store)).toEqual([]);
  });

  it('finds rules that would cost backups, and so does doctor', async () => {
    const bucket = await newBucket(server);
    const client = adminClient(server);
    const Rules = [
      {
        ID: 'thrifty',
        Status: 'Enabled' as const,
        Filter: { Prefix: 'fleet/data/' },
        Expiration: { Days: 14 },
      },
    ];
    const rules = { Bucket: bucket, LifecycleConfiguration: { Rules } };
    await client.send(new PutBucketLifecycleConfigurationCommand(rules));
    const text = 'rule thrifty removes data after 14 days; retention keeps snapshots for up to 31 days';
    const site = newSite(s3(bucket), { retention: { keepDaily: 7, keepMonthly: 1 } });
    const init = await run(site, ['store', 'init']);
    const doctor = await run(site, ['doctor']);

    expect(init.status).toBe(errorCodes.STORE_UNSOUND.exit);
    expect(init.stdout).toContain(text);
    expect(doctor.stdout).toMatch(new RegExp(`^error +store of nightly +lifecycle: ${text}`, 'm'));
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'fleet/stray', Body: 'x' }));
    client.destroy();
    expect((await run(site, ['doctor'])).stdout).not.toContain('lifecycle');
  });
});
