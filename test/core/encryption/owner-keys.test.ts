import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encryptWhole } from '../../../src/core/age/encrypter.ts';
import type { ManifestHeader } from '../../../src/core/archive/manifest.ts';
import { memoryStore } from '../../../src/core/conformance/memory-store.ts';
import type { Provider } from '../../../src/core/contracts/provider.ts';
import { type Identity, readIdentities } from '../../../src/core/encryption/identities.ts';
import { openKeyRing } from '../../../src/core/encryption/key-ring.ts';
import {
  identityText,
  pairId,
  parseIdentity,
  parseRecipient,
} from '../../../src/core/encryption/key-text.ts';
import { withKeys } from '../../../src/core/encryption/keyed-provider.ts';
import { createEpoch, listKeys, openEpoch, reviseEpoch } from '../../../src/core/encryption/owner-keys.ts';
import { checkRecipients } from '../../../src/core/encryption/recipients.ts';
import { encryptAnew } from '../../../src/core/jobs/keys/rotate-keys.ts';
import { epochOf } from '../../../src/core/jobs/revision.ts';
import { bytesOf, collect } from '../../../src/core/streams.ts';
import { twins } from '../../support/twin-keys.ts';

const signal = new AbortController().signal;
const server = '11111111-1111-4111-8111-111111111111';
const owner = '22222222-2222-4222-8222-222222222222';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** An identity that Debian's age-keygen made. */
async function keygen(name: string): Promise<Identity & { readonly file: string }> {
  const file = join(directory, name);
  execFileSync('age-keygen', ['-o', file], { stdio: 'ignore' });
  const identities = await readIdentities(readFileSync(file), name, () =>
    Promise.reject(new Error('no passphrase is needed')),
  );
  expect(identities).toHaveLength(1);
  return { ...identities[0]!, file };
}

function opened() {
  const store = memoryStore();
  const provider = { put: store.put, get: store.get } as unknown as Provider;
  return { store, provider };
}

describe('the text form of keys', () => {
  it('is that of age-keygen', async () => {
    const { secret, recipient, file } = await keygen('text');
    const pair = parseIdentity(secret)!;

    expect(identityText(pair.privateKey)).toBe(secret);
    expect(parseRecipient(recipient)).toEqual(pair.publicKey);
    expect(execFileSync('age-keygen', ['-y', file], { encoding: 'utf8' }).trim()).toBe(recipient);
  });

  it.each(['', 'age1', 'AGE-SECRET-KEY-1', 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq'])(
    'refuses %s',
    (text) => {
      expect(parseRecipient(text)).toBe(null);
      expect(parseIdentity(text)).toBe(null);
    },
  );
});

describe('key objects', () => {
  it('open what is encrypted to the epoch, with nothing but age', async () => {
    const { store, provider } = opened();
    const [first, second] = [await keygen('first'), await keygen('second')];
    const made = await createEpoch(
      provider,
      { server, owner, epoch: 1 },
      [first.recipient, second.recipient],
      signal,
    );
    expect(made.key).toMatch(new RegExp(`^keys/${server}/${owner}/00001-0-[0-9a-f]{8}\\.age$`));
    const keyFile = join(directory, 'key.age');
    writeFileSync(keyFile, await collect(store.get({ key: made.key, signal }), 10_000));
    const object = join(directory, 'object.age');
    writeFileSync(object, encryptWhole(Buffer.from('a segment'), made.publicKey));

    for (const { file } of [first, second]) {
      const plain = execFileSync('bash', [
        '--norc',
        '-c',
        'age -d -i <(age -d -i "$0" "$1") "$2"',
        file,
        keyFile,
        object,
      ]);
      expect(plain.toString()).toBe('a segment');
    }
  });

  it('are opened by any recipient, and by nobody else', async () => {
    const { store, provider } = opened();
    const [first, other] = [await keygen('a'), await keygen('b')];
    const made = await createEpoch(provider, { server, owner, epoch: 3 }, [first.recipient], signal);
    const [listed] = await listKeys(store, { server, owner }, signal);

    const epoch = await openEpoch(provider, listed!, [other, first], signal);

    expect(epoch).toMatchObject({ epoch: 3, publicKey: made.publicKey });
    await expect(openEpoch(provider, listed!, [other], signal)).rejects.toMatchObject({
      code: 'IDENTITY_WRONG',
    });
  });

  it('are encrypted to other recipients as a new revision', async () => {
    const { store, provider } = opened();
    const [old, fresh] = [await keygen('old'), await keygen('fresh')];
    const made = await createEpoch(provider, { server, owner, epoch: 1 }, [old.recipient], signal);
    const [before] = await listKeys(store, {}, signal);
    const epoch = await openEpoch(provider, before!, [old], signal);
    await reviseEpoch(provider, before!, epoch, [fresh.recipient], signal);

    const [, counts] = await listKeys(store, {}, signal);

    expect(counts).toMatchObject({ epoch: 1, revision: 1, pair: before!.pair });
    expect((await openEpoch(provider, counts!, [fresh], signal)).publicKey).toEqual(made.publicKey);
    await expect(openEpoch(provider, counts!, [old], signal)).rejects.toMatchObject({
      code: 'IDENTITY_WRONG',
    });
    await expect(reviseEpoch(provider, before!, epoch, [fresh.recipient], signal)).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
  });

  it('are refused where they were swapped or altered', async () => {
    const { store, provider } = opened();
    const identity = await keygen('swapped');
    const place = { server, owner };
    const one = await createEpoch(provider, { ...place, epoch: 1 }, [identity.recipient], signal);
    const two = await createEpoch(provider, { ...place, epoch: 2 }, [identity.recipient], signal);
    const listed = await listKeys(store, place, signal);
    const bytes = await collect(store.get({ key: two.key, signal }), 10_000);
    const put = async (changed: Buffer) =>
      store.put({
        key: one.key,
        body: (async function* () {
          yield changed;
        })(),
        signal,
      });

    await put(bytes);
    await expect(openEpoch(provider, listed[0]!, [identity], signal)).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
    });
    await put(bytes.subarray(0, bytes.length - 1));
    await expect(openEpoch(provider, listed[0]!, [identity], signal)).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
    });
  });
});

describe('a key planted under the id of another', () => {
  async function planted() {
    const { store, provider } = opened();
    const admin = await keygen(`admin-${randomUUID()}`);
    const [genuine, thief] = twins.map((pair) => ({ epoch: 1, publicKey: pair.publicKey, pair }));
    const name = { server, owner, epoch: 1, pair: pairId(genuine!.publicKey), key: '', version: null };
    const first = { ...name, revision: -1, sizeBytes: 0 };
    await reviseEpoch(provider, first, genuine!, [admin.recipient], signal);
    await reviseEpoch(provider, { ...first, revision: 0 }, thief!, [admin.recipient], signal);
    return { store, provider, admin };
  }

  it('does not hide the other', async () => {
    const { store, provider, admin } = await planted();

    const ring = openKeyRing({ store, provider, identities: [admin], signal });

    expect(await ring.pairs({ server, owner, epoch: 1 })).toEqual(twins.toReversed());
  });

  it('does not have the other removed where keys are encrypted anew', async () => {
    const { store, provider, admin } = await planted();
    const fresh = await keygen(`fresh-${randomUUID()}`);
    const request = { store, provider, server, storeId: randomUUID(), stateDir: directory, owners: null };
    const keys = { identities: [admin], recipients: [fresh.recipient] };

    const done = await encryptAnew({ ...request, ...keys, signal });

    expect(done).toMatchObject([{ action: 'left', removed: 0, message: expect.stringContaining('share') }]);
    expect(await listKeys(store, {}, signal)).toHaveLength(2);
  });

  it('gets no body of a new revision', async () => {
    const { store, provider, admin } = await planted();
    const keys = openKeyRing({ store, provider, identities: [admin], signal });
    const encryption = { epoch: 1, pair: pairId(twins[0]!.publicKey) };
    const header = { server, owner, encryption } as ManifestHeader;

    const asked = epochOf(withKeys(provider, { keys }), { header });

    await expect(asked).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });
});

describe('what is no key at all', () => {
  it('is damaged, and stops no rotation', async () => {
    const { store, provider } = opened();
    const admin = await keygen('garbage');
    const { key } = await createEpoch(provider, { server, owner, epoch: 1 }, [admin.recipient], signal);
    await store.put({ key, body: bytesOf(Buffer.from('nonsense')), signal });
    const request = { store, provider, server, storeId: randomUUID(), stateDir: directory, owners: null };

    const done = await encryptAnew({
      ...request,
      ...{ identities: [admin], recipients: [admin.recipient], signal },
    });

    expect(done).toMatchObject([
      { action: 'left', message: expect.stringContaining('does not hold the key') },
    ]);
  });
});

describe('what somebody put above a key', () => {
  it('does not keep it from being encrypted anew, and goes', async () => {
    const { store, provider } = opened();
    const [old, fresh] = [await keygen('below'), await keygen('above')];
    const { key } = await createEpoch(provider, { server, owner, epoch: 1 }, [old.recipient], signal);
    const revision = (number: number) => key.replace('-0-', `-${number}-`);
    for (const number of [1, 99_999])
      await store.put({ key: revision(number), body: bytesOf(Buffer.from('x')), signal });
    const request = { store, provider, server, storeId: randomUUID(), stateDir: directory, owners: null };

    const done = await encryptAnew({
      ...request,
      ...{ identities: [old], recipients: [fresh.recipient], signal },
    });

    expect(done).toMatchObject([{ action: 'encrypted-anew', key: revision(2), removed: 3, kept: 0 }]);
    const [only, ...others] = await listKeys(store, {}, signal);
    expect(others).toEqual([]);
    expect(await openEpoch(provider, only!, [fresh], signal)).toMatchObject({ epoch: 1 });
  });
});

describe('recipients', () => {
  it.each([
    'age1nonsense',
    'ssh-ed25519 AAAA',
    '',
    'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq3290gq',
  ])('are refused before anything is written: %j', async (text) => {
    const { store, provider } = opened();
    const good = await keygen(`good-${text.length}`);
    const failing = createEpoch(provider, { server, owner, epoch: 1 }, [good.recipient, text], signal);

    await expect(failing).rejects.toMatchObject({ code: 'RECIPIENTS_UNUSABLE' });

    expect((await store.list({ prefix: '', signal })).objects).toEqual([]);
  });

  it('never show an identity that stands in their place', async () => {
    const { secret } = await keygen('misplaced');

    const refused = await checkRecipients([secret]).catch((error: Error) => error);

    expect(String((refused as Error).message)).toContain('identity');
    expect(JSON.stringify(refused) + String((refused as Error).stack)).not.toContain(secret.slice(20));
  });

  it('are refused where there are none', async () => {
    await expect(checkRecipients([])).rejects.toMatchObject({ code: 'RECIPIENTS_UNUSABLE' });
  });
});
