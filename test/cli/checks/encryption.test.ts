import { expect, it } from 'vitest';
import { checkIdentityPlaces } from '../../../src/cli/checks/encryption.ts';
import type { AddinConfiguration } from '../../../src/core/config/load-configuration.ts';

const withIdentity = (name: string, identity: string) =>
  ({ name, encryption: { recipients: [], identity } }) as unknown as AddinConfiguration;

it('an identity beside what it opens is a warning', async () => {
  const addins = [
    withIdentity('nightly', 'file:/nowhere/state/id'),
    withIdentity('weekly', 'file:/nowhere/keys/id'),
    withIdentity('other', 'env:ID'),
  ];

  const checks = await checkIdentityPlaces(addins, [{ path: '/nowhere/state', what: 'the state' }], []);

  expect(checks.map(({ state, name, detail }) => [state, name, detail])).toEqual([
    ['warn', 'identity of nightly', '/nowhere/state/id lies inside the state'],
  ]);
});
