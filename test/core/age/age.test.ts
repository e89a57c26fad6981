import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bech32 } from '@scure/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunkRange, decryptChunks, payloadSize, storedSize } from '../../../src/core/age/chunks.ts';
import { decryptStream, decryptWhole } from '../../../src/core/age/decrypter.ts';
import { AgeEncrypter, encryptWhole } from '../../../src/core/age/encrypter.ts';
import { newHeader, openSealed, payloadStart } from '../../../src/core/age/header.ts';
import { type KeyPair, newKeyPair, publicHalf } from '../../../src/core/age/x25519.ts';
import { identityText, recipientText } from '../../../src/core/encryption/key-text.ts';
import { openX25519File } from '../../../src/core/encryption/x25519-file.ts';

const sizes = [0, 1, 65535, 65536, 65537, 131072, 3 * 1024 * 1024 + 17];
const chunk = 65552;

let directory = '';
let pair: KeyPair;
let identity = '';
let recipient = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-age-'));
  identity = join(directory, 'identity');
  execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
  recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  const secret = /AGE-SECRET-KEY-1\S+/.exec(readFileSync(identity, 'utf8'))![0];
  const privateKey = Buffer.from(bech32.decodeToBytes(secret.toLowerCase()).bytes);
  pair = { privateKey, publicKey: publicHalf(privateKey) };
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function streamed(file: Buffer, size = 50_000): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of decryptStream(inPieces(file, size), [pair], 'a file')) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('files of the age format', () => {
  it.each(sizes)('are opened by age, %i bytes', (size) => {
    const payload = randomBytes(size);
    const encrypter = new AgeEncrypter(pair.publicKey);
    const pieces: Buffer[] = [];
    for (let at = 0, n = 1; at < size; at += n, n = (n * 7 + 1) % 200_000) {
      pieces.push(encrypter.push(payload.subarray(at, at + n)));
    }
    const file = Buffer.concat([...pieces, encrypter.end()]);
    expect(file.length).toBe(storedSize(size));
    expect(payloadSize(file.length)).toBe(size);
    const opened = spawnSync('age', ['-d', '-i', identity], { input: file, maxBuffer: 1 << 26 });
    expect(opened.status).toBe(0);
    expect(opened.stdout.equals(payload)).toBe(true);
  });

  it.each(sizes)('are opened by us where age made them, %i bytes', async (size) => {
    const payload = randomBytes(size);
    const made = spawnSync('age', ['-r', recipient], { input: payload, maxBuffer: 1 << 26 });
    expect(decryptWhole(made.stdout, pair, 'a file').equals(payload)).toBe(true);
    expect((await streamed(made.stdout)).equals(payload)).toBe(true);
    expect((await streamed(made.stdout, chunk)).equals(payload)).toBe(true);
  });

  it('have a header of one size, from which the sealed field opens any range', () => {
    const payload = randomBytes(400_000);
    const encrypter = new AgeEncrypter(pair.publicKey);
    const file = Buffer.concat([encrypter.push(payload), encrypter.end()]);
    expect(file.subarray(0, payloadStart).length).toBe(newHeader(pair.publicKey).header.length);
    const key = openSealed(encrypter.sealed, pair)!;
    for (const range of [
      { offset: 0, length: 1 },
      { offset: 65535, length: 2 },
      { offset: 131072, length: 65536 },
      { offset: 390_000, length: 10_000 },
    ]) {
      const { firstChunk, stored } = chunkRange(range, payload.length);
      const plain = decryptChunks(
        key,
        file.subarray(stored.offset, stored.offset + stored.length),
        firstChunk,
        6,
      )!;
      const from = range.offset - firstChunk * 65536;
      expect(plain.subarray(from, from + range.length)).toEqual(
        payload.subarray(range.offset, range.offset + range.length),
      );
    }
    expect(openSealed(encrypter.sealed, newKeyPair())).toBeNull();
  });
});

describe('a file for several keys', () => {
  const secretOf = ({ privateKey }: KeyPair): string => identityText(privateKey);
  const text = Buffer.from('some text');

  it('is opened by each of them, whether age or we made it, and by nobody else', () => {
    const [other, stranger] = [newKeyPair(), newKeyPair()];
    const recipients = ['-r', recipientText(other.publicKey), '-r', recipient];
    const made = spawnSync('age', recipients, { input: text }).stdout;
    for (const file of [made, encryptWhole(text, other.publicKey, [pair.publicKey])]) {
      for (const one of [pair, other]) {
        expect(openX25519File(file, [secretOf(stranger), secretOf(one)])).toEqual(text);
      }
      expect(openX25519File(file, [secretOf(stranger)])).toBeNull();
      expect(spawnSync('age', ['-d', '-i', identity], { input: file }).stdout).toEqual(text);
    }
  });

  it('is not opened where any byte of it was altered, or where it was cut short', () => {
    // A MAC that ends so can be spelt in other ways, which age refuses as well.
    const made = () => encryptWhole(text, newKeyPair().publicKey, [pair.publicKey]);
    let file = made();
    while (!/--- [^\n]{42}[048]\n/.test(file.toString('latin1'))) file = made();
    for (let at = 0; at < file.length; at++) {
      const altered = Buffer.from(file);
      altered[at]! ^= 1;
      expect(openX25519File(altered, [secretOf(pair)])).toBeNull();
      expect(openX25519File(file.subarray(0, at), [secretOf(pair)])).toBeNull();
    }
  });
});

describe('a file that somebody altered', () => {
  const payload = randomBytes(5 * 65536 + 100);
  const file = (): Buffer => encryptWhole(payload, pair.publicKey);
  const start = payloadStart;
  const chunkOf = (bytes: Buffer, n: number): Buffer =>
    bytes.subarray(start + n * chunk, start + (n + 1) * chunk);

  const alterations: Record<string, (bytes: Buffer) => Buffer> = {
    'is cut at a chunk': (bytes) => bytes.subarray(0, start + 3 * chunk),
    'is cut within a chunk': (bytes) => bytes.subarray(0, bytes.length - 50),
    'is cut within the header': (bytes) => bytes.subarray(0, 100),
    'has no last chunk': (bytes) => bytes.subarray(0, start + 5 * chunk),
    'has a flipped bit in a chunk': (bytes) =>
      Buffer.from(bytes.map((byte, at) => (at === 200_000 ? byte ^ 1 : byte))),
    'has a flipped bit in the nonce': (bytes) =>
      Buffer.from(bytes.map((byte, at) => (at === 170 ? byte ^ 1 : byte))),
    'has a flipped bit in the MAC': (bytes) =>
      Buffer.from(bytes.map((byte, at) => (at === 130 ? byte ^ 1 : byte))),
    'has two chunks swapped': (bytes) =>
      Buffer.concat([
        bytes.subarray(0, start),
        chunkOf(bytes, 1),
        chunkOf(bytes, 0),
        bytes.subarray(start + 2 * chunk),
      ]),
    'lacks a chunk in the middle': (bytes) =>
      Buffer.concat([bytes.subarray(0, start + chunk), bytes.subarray(start + 2 * chunk)]),
    'has a chunk twice': (bytes) => Buffer.concat([bytes.subarray(0, start + chunk), bytes.subarray(start)]),
    'has another file behind it': (bytes) => Buffer.concat([bytes, bytes]),
    'has an empty last chunk behind it': (bytes) => Buffer.concat([bytes, Buffer.alloc(16)]),
    'has a chunk of another file': (bytes) =>
      Buffer.concat([bytes.subarray(0, start), chunkOf(file(), 0), bytes.subarray(start + chunk)]),
  };

  it.each(Object.keys(alterations))('is refused where it %s', async (name) => {
    const altered = alterations[name]!(file());
    expect(() => decryptWhole(altered, pair, 'a file')).toThrow(/is damaged/);
    await expect(streamed(altered)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });

  it('is damaged where it is for another key than its epoch has', async () => {
    const other = encryptWhole(payload, newKeyPair().publicKey);
    expect(() => decryptWhole(other, pair, 'a file')).toThrow(
      expect.objectContaining({ code: 'OBJECT_DAMAGED' }),
    );
    await expect(streamed(other)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });
});

describe('a large file', () => {
  it('is made and opened in little memory', async () => {
    const piece = randomBytes(1024 * 1024);
    const [before, pieces] = [process.memoryUsage().rss, 512];
    let most = 0;
    async function* made(): AsyncGenerator<Buffer> {
      const encrypter = new AgeEncrypter(pair.publicKey);
      for (let n = 0; n < pieces; n++) {
        most = Math.max(most, process.memoryUsage().rss);
        yield encrypter.push(piece);
      }
      yield encrypter.end();
    }
    let bytes = 0;
    for await (const plain of decryptStream(made(), [pair], 'a file')) bytes += plain.length;
    expect(bytes).toBe(pieces * piece.length);
    expect(most - before).toBeLessThan(256 * 1024 * 1024);
  });
});
