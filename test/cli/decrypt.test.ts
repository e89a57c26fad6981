/** `holdfast decrypt` on files of Debian's age and on Zotonic's, made here by other programs. */

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encryptWhole } from '../../src/core/age/encrypter.ts';
import { parseRecipient } from '../../src/core/encryption/key-text.ts';
import {
  type CliResult,
  documentOf,
  ended,
  holdfast,
  main,
  makeDirectory,
  startHoldfast,
} from '../support/cli.ts';

const content = Buffer.alloc(200_000, 'some content that is longer than three chunks of age; ');
const passphrase = 'correct horse';

let dir = '';
let identity = '';
let other = '';
let recipient = '';
let plain = '';
const at = (name: string): string => join(dir, name);

beforeAll(() => {
  dir = makeDirectory();
  [identity, other, plain] = [at('identity'), at('other'), at('plain')];
  for (const file of [identity, other]) execFileSync('age-keygen', ['-o', file], { stdio: 'ignore' });
  recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  writeFileSync(plain, content);
  writeFileSync(at('passphrase'), `${passphrase}\n`);
  execFileSync('age', ['-r', recipient, '-o', at('file.age'), plain]);
  execFileSync('age', ['-a', '-r', recipient, '-o', at('file.armored'), plain]);
  onTerminal(['age', '-p', '-o', at('identity.age'), identity], [passphrase, passphrase]);
  onTerminal(['age', '-p', '-o', at('file.passphrase'), plain], [passphrase, passphrase]);
  makeZ1(at('site.enc'), 'secret of the site');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const python = `
import os, pty, signal, sys
signal.alarm(30)
answers = sys.argv[1].split('|'); command = sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b''
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if answers and b'assphrase' in seen and b':' in seen:
        os.write(fd, answers.pop(0).encode() + b'\\r'); seen = b''
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

/** Runs a program on a terminal of its own, and types the answers when it asks. */
function onTerminal(command: readonly string[], answers: readonly string[]): void {
  execFileSync('python3', ['-c', python, answers.join('|'), ...command], { timeout: 40_000 });
}

/** As Zotonic writes it, by other hands than ours. */
function makeZ1(path: string, password: string): void {
  const script = `
import hashlib, hmac, os, struct, subprocess, sys
password, source, target = sys.argv[1].encode(), sys.argv[2], sys.argv[3]
salt, iterations = os.urandom(16), 600001
derived = hashlib.pbkdf2_hmac('sha256', password, salt, iterations, 48)
body = hmac.new(password, salt + password, 'sha256').digest() + open(source, 'rb').read()
sealed = subprocess.run(['openssl', 'enc', '-aes-256-cfb8', '-K', derived[16:].hex(), '-iv', derived[:16].hex()],
                        input=body, stdout=subprocess.PIPE, check=True).stdout
open(target, 'wb').write(b'Z1' + struct.pack('<I', iterations) + salt + sealed)
`;
  execFileSync('python3', ['-c', script, password, plain, path]);
}

/** With something on standard input. */
function piped(input: string | Buffer, ...args: readonly string[]): Promise<CliResult> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  return ended(child);
}

describe('holdfast decrypt', () => {
  it('opens what age made, into a file that only its owner can read', async () => {
    const out = at('opened');
    const result = await holdfast('--json', 'decrypt', at('file.age'), '--identity', identity, '--out', out);

    expect(result.status).toBe(0);
    expect(documentOf('decrypt', result)).toEqual({ out, kind: 'age', bytes: content.length });
    expect(readFileSync(out).equals(content)).toBe(true);
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  it('opens armored files to standard output', async () => {
    const result = await holdfast('decrypt', at('file.armored'), '--identity', identity);

    expect(result).toMatchObject({ status: 0, stdout: content.toString(), stderr: '' });
  });

  it('opens an armored file of any size', async () => {
    const large = randomBytes(50 * 1024 * 1024);
    writeFileSync(at('large'), large);
    execFileSync('age', ['-a', '-r', recipient, '-o', at('large.armored'), at('large')]);
    expect(statSync(at('large.armored')).size).toBeGreaterThan(64 * 1024 * 1024);
    const opened = await holdfast(
      'decrypt',
      at('large.armored'),
      '--identity',
      identity,
      '--out',
      at('large2'),
    );
    expect([opened.status, opened.stderr]).toEqual([0, '']);
    expect(readFileSync(at('large2')).equals(large)).toBe(true);
    for (const name of ['large', 'large2', 'large.armored']) rmSync(at(name));
  });

  it('takes the identity from standard input, and the file as well', async () => {
    expect(await piped(readFileSync(identity), 'decrypt', at('file.age'), '--identity', '-')).toMatchObject({
      status: 0,
      stdout: content.toString(),
    });
    expect(await piped(readFileSync(at('file.age')), 'decrypt', '-', '--identity', identity)).toMatchObject({
      status: 0,
      stdout: content.toString(),
    });
  });

  it('takes an identity under a passphrase: from a file, from standard input, from the terminal', async () => {
    const args = ['decrypt', at('file.age'), '--identity', at('identity.age')];
    expect(await holdfast(...args, '--passphrase-file', at('passphrase'))).toMatchObject({ status: 0 });
    expect(await piped(passphrase, ...args, '--passphrase-file', '-')).toMatchObject({ status: 0 });

    const out = at('typed');
    onTerminal([process.execPath, main, ...args, '--out', out], [passphrase]);
    expect(readFileSync(out).equals(content)).toBe(true);
  });

  it('opens what is under a passphrase itself', async () => {
    const args = ['decrypt', at('file.passphrase'), '--passphrase-file'];
    expect(await holdfast(...args, at('passphrase'))).toMatchObject({
      status: 0,
      stdout: content.toString(),
    });
    expect(await piped('wrong', ...args, '-')).toMatchObject({ status: 47, stdout: '' });
  });

  it('ends with 47 for another key and a wrong passphrase', async () => {
    const args = ['decrypt', at('file.age'), '--out', at('none'), '--identity'];
    expect(await holdfast(...args, other)).toMatchObject({ status: 47 });
    expect(await piped('wrong', ...args, at('identity.age'), '--passphrase-file', '-')).toMatchObject({
      status: 47,
    });
    expect(await holdfast('decrypt', at('file.age'))).toMatchObject({ status: 46 });
    expect(existsSync(at('none'))).toBe(false);
  });

  it('ends with 42 and leaves nothing where a file is altered, cut short or has something behind its end', async () => {
    const bytes = readFileSync(at('file.age'));
    const flipped = Buffer.from(bytes);
    flipped[150_000]! ^= 1;
    const cases = [flipped, bytes.subarray(0, -1), bytes.subarray(0, 66_000), Buffer.concat([bytes, bytes])];
    for (const [i, damaged] of cases.entries()) {
      writeFileSync(at('damaged'), damaged);
      const out = at(`damaged-${i}`);
      const result = await holdfast('decrypt', at('damaged'), '--identity', identity, '--out', out);

      expect(result).toMatchObject({ status: 42 });
      expect(readdirSync(dir).filter((name) => name.includes(`damaged-${i}`))).toEqual([]);
    }
  });

  it('ends with 48 where nothing is encrypted, and with 60 where the target exists', async () => {
    expect(await holdfast('decrypt', plain, '--identity', identity)).toMatchObject({
      status: 48,
      stdout: '',
    });
    expect(await holdfast('decrypt', at('file.age'), '--identity', identity, '--out', plain)).toMatchObject({
      status: 60,
    });
    expect(readFileSync(plain).equals(content)).toBe(true);
  });

  it('opens an object of a store with the key object beside it, or the one that is named', async () => {
    const place = '11111111-1111-4111-8111-111111111111/22222222-2222-4222-8222-222222222222';
    for (const kind of ['keys', 'data']) mkdirSync(at(`store/${kind}/${place}`), { recursive: true });
    execFileSync('age-keygen', ['-o', at('epoch')], { stdio: 'ignore' });
    const epoch = execFileSync('age-keygen', ['-y', at('epoch')], { encoding: 'utf8' }).trim();
    const key = at(`store/keys/${place}/00001-0-0123abcd.age`);
    execFileSync('age', ['-r', recipient, '-o', key, at('epoch')]);
    const object = encryptWhole(content, parseRecipient(epoch)!);
    const inside = at(`store/data/${place}/object.tar.zst.age`);
    writeFileSync(inside, object);
    writeFileSync(at('alone.age'), object);

    const good = { status: 0, stdout: content.toString() };
    expect(await holdfast('decrypt', inside, '--identity', identity)).toMatchObject(good);
    expect(await holdfast('decrypt', at('alone.age'), '--identity', identity, '--key', key)).toMatchObject(
      good,
    );
    expect(await holdfast('decrypt', at('alone.age'), '--identity', identity)).toMatchObject({
      status: 47,
      stderr: expect.stringContaining('name the key object with --key'),
    });
    expect(await holdfast('decrypt', inside, '--identity', other)).toMatchObject({ status: 47 });
  });

  it('opens what Zotonic encrypted', async () => {
    const args = ['decrypt', at('site.enc'), '--passphrase-file', '-'];
    expect(await piped('secret of the site\n', ...args)).toMatchObject({
      status: 0,
      stdout: content.toString(),
    });
    expect(await piped('another secret\n', ...args)).toMatchObject({ status: 47, stdout: '' });
    writeFileSync(at('short.enc'), readFileSync(at('site.enc')).subarray(0, 40));
    expect(await piped('x', 'decrypt', at('short.enc'), '--passphrase-file', '-')).toMatchObject({
      status: 42,
    });
  });
});

it('a second signal ends it also while a thread waits for a file', async () => {
  const fifo = at('fifo');
  execFileSync('mkfifo', [fifo]);
  const child = startHoldfast(['decrypt', fifo, '--identity', identity, '--out', at('never')]);
  const result = ended(child);
  // A writer that says nothing: there is one only once the file is being read.
  const { O_NONBLOCK, O_WRONLY } = constants;
  const opened = async () => openSync(fifo, O_WRONLY | O_NONBLOCK);
  const writer = await vi.waitFor(opened, { timeout: 10_000, interval: 20 });
  const told = once(child.stderr!, 'data');
  child.kill('SIGTERM');
  await told;

  child.kill('SIGTERM');

  expect(await result).toMatchObject({ status: null, stdout: '' });
  expect(child.signalCode).toBe('SIGTERM');
  closeSync(writer);
});
