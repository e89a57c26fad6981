import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { rcloneNeeds } from '../../../src/addins/rclone/needs.ts';
import { startRclone } from '../../../src/addins/rclone/process.ts';
import { readSettings } from '../../../src/addins/rclone/settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-rclone-needs-'));
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const plain = `
[files]
type = alias
remote = /srv/files
[hidden]
type = crypt
remote = files:below
[drive]
type = drive
token = {"access_token":"x"}
[hidden-drive]
type = crypt
remote = drive:below
[both]
type = union
upstreams = /a /b
`;

function needs(remote: string, text = plain, env = {}) {
  const config = join(dir, 'rclone.conf');
  writeFileSync(config, text);
  return rcloneNeeds({ use: 'rclone', remote, config }, env);
}

it.each([
  ['files:x', undefined],
  ['hidden:x', undefined],
  ['drive:x', true],
  ['hidden-drive:x', true],
  ['both:x', true],
])('of the remote %s: as root is %s', (remote, asRoot) => {
  expect(needs(remote).asRoot).toBe(asRoot);
});

it('are key files of the remote and of those that it wraps, and of no other', () => {
  const [mine, others] = [join(dir, 'mine'), join(dir, 'others')];
  for (const path of [mine, others]) writeFileSync(path, 'key');
  const text = `
[far]
type = sftp
key_file = ${mine}
[over]
type = crypt
remote = far:below
[another]
type = sftp
key_file = ${others}
`;
  const config = join(dir, 'rclone.conf');

  for (const remote of ['far:x', 'over:x']) {
    expect(needs(remote, text).files).toEqual([config, mine]);
  }
  expect(needs('another:x', text).files).toEqual([config, others]);
});

it('are not known of an encrypted configuration', () => {
  expect(needs('files:x', '# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc').asRoot).toBe(
    true,
  );
});

it.each([
  ['hidden:x', {}, '/srv/files/below'],
  ['own:/srv/x', { RCLONE_CONFIG_OWN_TYPE: 'local' }, '/srv/x'],
  ['drive:x', {}, undefined],
])('of the remote %s with %o: the directory is %s', (remote, env, directory) => {
  expect(needs(remote, plain, env).directory).toBe(directory);
});

it('are of the configuration that RCLONE_CONFIG names, and rclone is told of the same', async () => {
  mkdirSync(join(dir, '.config/rclone'), { recursive: true });
  const [usual, named] = [join(dir, '.config/rclone/rclone.conf'), join(dir, 'named.conf')];
  writeFileSync(usual, '[r]\ntype = alias\nremote = /srv/wrong\n');
  writeFileSync(named, '[r]\ntype = alias\nremote = /srv/right\n');
  const program = join(dir, '.config/program');
  const said = 'Serving remote control on http://127.0.0.1:1';
  writeFileSync(program, `#!/bin/sh\necho "$RCLONE_CONFIG" >${dir}/told\necho ${said} >&2\n`, {
    mode: 0o755,
  });
  const settings = { use: 'rclone', remote: 'r:x', program };
  vi.stubEnv('HOME', dir);
  vi.stubEnv('XDG_CONFIG_HOME', undefined);
  for (const [RCLONE_CONFIG, path, directory] of [
    [undefined, usual, '/srv/wrong/x'],
    [named, named, '/srv/right/x'],
    [join(dir, 'gone.conf'), join(dir, 'gone.conf'), undefined],
  ] as const) {
    vi.stubEnv('RCLONE_CONFIG', RCLONE_CONFIG);

    const { files, variables, ...found } = rcloneNeeds(settings, process.env);
    await (await startRclone(readSettings(settings))).stop();

    expect([files, found.directory, variables.test('RCLONE_CONFIG')]).toEqual([[path], directory, true]);
    expect(readFileSync(join(dir, 'told'), 'utf8').trim()).toBe(path);
  }
});
