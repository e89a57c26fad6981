import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveSecrets, secretsIn } from '../../../src/core/settings/secrets.ts';

const secret = { type: 'string', 'x-secret': true };
const schema = {
  type: 'object',
  properties: {
    use: { type: 'string' },
    password: secret,
    'a/b~c': secret,
    keys: { type: 'array', items: { type: 'object', properties: { key: { $ref: '#/$defs/key' } } } },
    headers: { type: 'object', additionalProperties: secret },
    either: { anyOf: [{ const: 'none' }, { type: 'object', properties: { identity: secret } }] },
  },
  $defs: { key: secret },
};

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  path = join(dir, 'secret');
  await writeFile(path, 'hunter2\n', { mode: 0o600 });
});
afterEach(() => rm(dir, { recursive: true }));

const resolve = (password: string, env = {}) => resolveSecrets({ use: 'x', password }, schema, { env });
const refusal = (text: string) => expect(resolve(text)).rejects;

describe('resolveSecrets', () => {
  it('replaces references wherever the schema says so, and nothing else', async () => {
    const settings = {
      use: 'env:A',
      password: 'env:A',
      'a/b~c': `file:${path}`,
      keys: [{ key: 'env:B', other: 'env:B' }],
      headers: { authorization: 'env:A' },
      either: { identity: 'env:B' },
    };

    const resolved = await resolveSecrets(settings, schema, { env: { A: 'one', B: 'two' } });

    expect(resolved).toEqual({
      use: 'env:A',
      password: 'one',
      'a/b~c': 'hunter2',
      keys: [{ key: 'two', other: 'env:B' }],
      headers: { authorization: 'one' },
      either: { identity: 'two' },
    });
    expect(settings.password).toBe('env:A');
    expect(secretsIn({ either: 'none' }, schema)).toEqual([]);
  });

  it.each([
    ['hunter2', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    [' two words \n\n', ' two words \n'],
  ])('strips one trailing newline of %j', async (text, value) => {
    await writeFile(path, text);

    expect(await resolve(`file:${path}`)).toMatchObject({ password: value });
  });

  it('refuses a variable that is not set, or empty', async () => {
    await refusal('env:MISSING').toMatchObject({ code: 'SECRET_UNUSABLE', message: /MISSING is not set/ });
    await expect(resolve('env:A', { A: '' })).rejects.toMatchObject({ code: 'SECRET_UNUSABLE' });
  });

  it.each([0o640, 0o604, 0o660, 0o601])('refuses a file of mode %o', async (mode) => {
    await chmod(path, mode);

    await refusal(`file:${path}`).toMatchObject({ code: 'SECRET_UNUSABLE', hint: `Run chmod 0600 ${path}.` });
  });

  it('takes a file that only its owner can read', async () => {
    await chmod(path, 0o400);

    expect(await resolve(`file:${path}`)).toMatchObject({ password: 'hunter2' });
  });

  it('refuses a file of somebody else', async () => {
    await chown(path, 12345, 0);

    await refusal(`file:${path}`).toMatchObject({ code: 'SECRET_UNUSABLE', message: /belongs to uid 12345/ });
  });

  it('refuses links, directories, FIFOs, and files that are absent, empty or huge', async () => {
    await symlink(path, join(dir, 'link'));
    execFileSync('mkfifo', ['-m', '0600', join(dir, 'fifo')]);
    await chmod(dir, 0o700);
    await writeFile(join(dir, 'empty'), '\n', { mode: 0o600 });
    await writeFile(join(dir, 'huge'), 'x'.repeat(70_000), { mode: 0o600 });

    await refusal(`file:${dir}/link`).toMatchObject({ code: 'SECRET_UNUSABLE', message: /symbolic link/ });
    await refusal(`file:${dir}/fifo`).toMatchObject({
      code: 'SECRET_UNUSABLE',
      message: /not a regular file/,
    });
    await refusal(`file:${dir}`).toMatchObject({ code: 'SECRET_UNUSABLE', message: /not a regular file/ });
    await refusal(`file:${dir}/none`).toMatchObject({ code: 'SECRET_UNUSABLE', message: /ENOENT/ });
    await refusal(`file:${dir}/empty`).toMatchObject({ code: 'SECRET_UNUSABLE', message: /empty/ });
    await refusal(`file:${dir}/huge`).toMatchObject({ code: 'SECRET_UNUSABLE', message: /64 KiB/ });
  });

  it('never says an inline secret', async () => {
    const error = await resolve('hunter2').catch((caught: unknown) => caught);

    expect(error).toMatchObject({ code: 'SECRET_UNUSABLE' });
    expect(JSON.stringify([String(error), error])).not.toContain('hunter2');
  });
});
