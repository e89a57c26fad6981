import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSeal, sealLine } from '../../../src/core/archive/seal.ts';
import { openSigner, ownSigners } from '../../../src/core/state/signing-key.ts';

const server = '11111111-1111-4111-8111-111111111111';
const clone = '22222222-2222-4222-8222-222222222222';
const lines = Buffer.from('header\nbody\n');
let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'holdfast-signing-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

describe('the signing key of a server', () => {
  it('is made once, stays the same, and is readable to nobody else', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => openSigner(stateDir, server)));
    const again = await openSigner(stateDir, server);

    expect(new Set([...made, again].map(({ publicKey }) => publicKey)).size).toBe(1);
    expect(statSync(join(stateDir, 'signing', `${server}.json`)).mode & 0o777).toBe(0o600);
    expect(statSync(join(stateDir, 'signing')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(stateDir, 'signing'))).toEqual([`${server}.json`]);
  });

  it('is another for another server, and both are known as own', async () => {
    const [one, two] = [await openSigner(stateDir, server), await openSigner(stateDir, clone)];

    expect(one.publicKey).not.toBe(two.publicKey);
    expect(await ownSigners(stateDir)).toEqual([
      { server, publicKey: one.publicKey },
      { server: clone, publicKey: two.publicKey },
    ]);
  });

  it('is never replaced in silence where its file is damaged', async () => {
    await openSigner(stateDir, server);
    const path = join(stateDir, 'signing', `${server}.json`);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"publicKey": "../, '"publicKey": "00'));

    await expect(openSigner(stateDir, server)).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
    writeFileSync(path, 'torn');
    await expect(openSigner(stateDir, server)).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
  });

  it('is not used where others can read it, nor trusted where they can exchange it', async () => {
    await openSigner(stateDir, server);
    const path = join(stateDir, 'signing', `${server}.json`);
    chmodSync(path, 0o640);
    const told = { code: 'PREREQUISITE_MISSING', message: expect.stringContaining('has mode 0640') };
    await expect(openSigner(stateDir, server)).rejects.toMatchObject(told);
    expect(await ownSigners(stateDir)).toHaveLength(1);
    chmodSync(path, 0o600);

    chmodSync(join(stateDir, 'signing'), 0o777);
    await expect(openSigner(stateDir, server)).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
    await expect(ownSigners(stateDir)).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
  });

  it('is not made by looking for it', async () => {
    expect(await ownSigners(stateDir)).toEqual([]);
    expect(existsSync(join(stateDir, 'signing'))).toBe(false);
  });
});

describe('a seal', () => {
  it('tells who signed, and that nobody did', async () => {
    const signer = await openSigner(stateDir, server);

    expect(readSeal(JSON.parse(sealLine(lines, signer)), lines)).toEqual({ signedBy: signer.publicKey });
    expect(readSeal(JSON.parse(sealLine(lines, null)), lines)).toEqual({ signedBy: null });
  });

  it('does not fit where the signature is of another key, of other bytes, or half there', async () => {
    const [one, two] = [await openSigner(stateDir, server), await openSigner(stateDir, clone)];
    const seal = JSON.parse(sealLine(lines, one)) as Record<string, unknown>;
    const other = JSON.parse(sealLine(Buffer.from('other\nbody\n'), one)) as Record<string, unknown>;

    for (const wrong of [
      { ...seal, key: two.publicKey },
      { ...seal, signature: other['signature'] },
      { ...seal, signature: undefined },
      { ...seal, key: undefined },
      { ...seal, key: 7 },
      { ...seal, key: '0'.repeat(64) },
      { ...seal, signature: 'ff' },
      null,
      [],
    ]) {
      expect(readSeal(wrong, lines), JSON.stringify(wrong)).toHaveProperty('wrong');
    }
  });
});
