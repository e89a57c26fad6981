/** Rotation of the keys that a copy has, over stores in memory. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { newKeyPair } from '../../../../src/core/age/x25519.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { identityText, recipientText } from '../../../../src/core/encryption/key-text.ts';
import { createEpoch } from '../../../../src/core/encryption/owner-keys.ts';
import { beginEpochs, encryptAnew } from '../../../../src/core/jobs/keys/rotate-keys.ts';
import { keysIn, ownerUuid, server, signal } from '../../../support/synthetic-snapshots.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-rotate-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

const person = () => {
  const { privateKey, publicKey } = newKeyPair();
  return { secret: identityText(privateKey), recipient: recipientText(publicKey) };
};
const [earlier, now, later] = [person(), person(), person()];
const owner = ownerUuid(1);
const providerOf = (on: Store) => s3TarProvider.open({ store: on, settings: { use: 's3-tar' } });

it('a key that began with the recipients of now is up to date in the copy, and no other is', async () => {
  const [main, copy] = [memoryStore(), memoryStore()];
  const about = { stateDir, server, owners: [owner], signal };
  const inMain = { ...about, store: main, provider: await providerOf(main), storeId: 'main' };
  const inCopy = { ...about, store: copy, provider: await providerOf(copy), storeId: 'copy' };
  await createEpoch(inMain.provider, { server, owner, epoch: 1 }, [earlier.recipient], signal);
  await beginEpochs({ ...inMain, recipients: [now.recipient] });
  for (const key of await keysIn(main, 'keys/'))
    await copy.put({ key, body: main.get({ key, signal }), signal });
  const again = { ...inCopy, originId: 'main', identities: [earlier], recipients: [now.recipient] };

  expect((await encryptAnew(again)).map(({ action }) => action)).toEqual(['encrypted-anew', 'up-to-date']);
  // The state knows the main store's revision, and the copy has the one before.
  await encryptAnew({ ...inMain, identities: [earlier, now], recipients: [later.recipient] });
  const replaced = await encryptAnew({ ...again, recipients: [later.recipient] });
  expect(replaced.map(({ action }) => action)).toEqual(['left', 'left']);
});
