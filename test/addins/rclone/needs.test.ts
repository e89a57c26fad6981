import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { rcloneNeeds } from '../../../src/addins/rclone/needs.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-rclone-needs-'));
afterAll(() => rmSync(dir, { recursive: true }));

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
