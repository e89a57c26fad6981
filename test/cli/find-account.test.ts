/** What a name means to a machine that knows nothing but the store. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { s3TarProvider } from '../../src/addins/s3-tar/index.ts';
import { ownerOf } from '../../src/cli/find-account.ts';
import type { Search } from '../../src/cli/search.ts';
import { newKeyPair } from '../../src/core/age/x25519.ts';
import { identityOf } from '../../src/core/encryption/identities.ts';
import { openKeyRing } from '../../src/core/encryption/key-ring.ts';
import { identityText } from '../../src/core/encryption/key-text.ts';
import { type KeyedProvider, withKeys } from '../../src/core/encryption/keyed-provider.ts';
import { type Lab, openLab } from '../support/backup.ts';

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'holdfast-find-account-'));
let lab: Lab;
let owner: string;
let locked: KeyedProvider;

beforeAll(async () => {
  lab = await openLab(directory, { encrypted: true });
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'page'), 'page');
  ({ owner } = (await lab.backUp({ shadow: tree })).snapshot.header);
  locked = await s3TarProvider.open({ store: lab.store, settings: { use: 's3-tar' } });
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

const found = (wanted: string, provider: KeyedProvider, over: Partial<Search> = {}): Promise<string> =>
  ownerOf(
    { store: lab.store, provider, state: null, panelAccounts: async () => [], signal, ...over },
    wanted,
  );

it('is told from the manifests that an identity opens', async () => {
  expect(await found('site1', lab.provider)).toBe(owner);
  await expect(found('other', lab.provider)).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' });
});

it('is not known while they are locked, which is not to say that there is no such account', async () => {
  const identities = [(await identityOf(identityText(newKeyPair().privateKey)))!];
  const keys = openKeyRing({ store: lab.store, provider: locked, identities, signal });
  const why = {
    message: expect.stringContaining('is called "site1"; the names of 1 account are locked, and no identity'),
    hint: expect.stringContaining('by its UUID'),
  };
  await expect(found('site1', locked)).rejects.toMatchObject({ code: 'IDENTITY_MISSING', ...why });
  for (const over of [{}, { server: lab.state.server.uuid }]) {
    const wrong = found('site1', withKeys(locked, { keys }), over);
    await expect(wrong).rejects.toMatchObject({ code: 'IDENTITY_WRONG', ...why });
  }
});

it('is known to the server itself, whose snapshots are locked to it as well', async () => {
  const { state } = lab;
  expect(await found('site1', locked, { state })).toBe(owner);
  await expect(found('other', locked, { state })).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' });
});
