/** Whether backups of an addin configuration can be encrypted as it asks, and read where it says so. */

import type { AddinConfiguration } from '../../core/config/load-configuration.ts';
import { checkRecipients } from '../../core/encryption/recipients.ts';
import type { Account, Store } from '../../core/index.ts';
import { encryptedBeside, storeEncrypted } from '../../core/jobs/backup/encrypted-beside.ts';
import type { OwnDirectory } from '../../core/jobs/backup/own-directories.ts';
import { printable } from '../../core/printable.ts';
import { readSecret } from '../../core/settings/secrets.ts';
import type { State } from '../../core/state/state.ts';
import { plural } from '../format.ts';
import { whereExposed } from '../key-place.ts';
import { keyWarnings } from '../key-warnings.ts';
import { compactsBlindly } from '../runs/upkeep.ts';
import { ownServers } from '../search.ts';
import type { World } from '../world.ts';
import { attempt, type Check, caution, fault, ok } from './check.ts';

export async function checkEncryption(
  addin: AddinConfiguration,
  { stateDir, storeId }: { readonly stateDir: string; readonly storeId: string | null },
  world: Pick<World, 'env'>,
): Promise<Check[]> {
  const { name, encryption } = addin;
  const title = `encryption of ${name}`;
  if (encryption === 'none') return []; // `checkPlain` says it, once there is a store to look at
  const { recipients, identity } = encryption;
  const found = await attempt(title, async () => {
    await checkRecipients(recipients);
    if (identity !== undefined) await readSecret(identity, world);
    const reader = identity === undefined ? 'this server cannot read its backups' : 'and for this server';
    return [ok(title, `for ${plural(recipients.length, 'recipient')}; ${reader}`)];
  });
  const checks = [...found];
  // What compacts is the addin configuration; here its copies bear its upkeep as well.
  if (compactsBlindly(addin) && !name.includes('/')) {
    const detail = 'upkeep of scheduled runs cannot compact: that reads snapshots, and no identity is named';
    const hint =
      'Set upkeep.compact to false, and run holdfast compact where the identity is; or name one in encryption.identity, by which this server can read its backups.';
    checks.push(caution(`upkeep of ${name}`, detail, hint));
  }
  const warnings = await keyWarnings(addin, stateDir, storeId);
  checks.push(...warnings.map(({ message, hint }) => caution(`keys of ${name}`, message, hint)));
  return checks;
}

/** Of an addin configuration that encrypts nothing: whether its runs would be refused for what lies in the store. */
export async function checkPlain(
  name: string,
  { store, state }: { readonly store: Store; readonly state: State | null },
  signal: AbortSignal,
): Promise<Check> {
  const title = `encryption of ${name}`;
  const beside = store.capabilities.putOnly
    ? 'none'
    : await encryptedBeside(store, ownServers(state), signal);
  if (beside === 'none') return ok(title, 'none, as the configuration says');
  const { code, message, hint = null } = storeEncrypted('the store', name, beside);
  return fault(title, code, message, hint);
}

/** Whether an identity lies beside what it opens, or where an account can reach it. */
export async function checkIdentityPlaces(
  addins: readonly AddinConfiguration[],
  own: readonly OwnDirectory[],
  accounts: readonly Account[],
): Promise<readonly Check[]> {
  const hint = 'Move the identity to a file that neither backups nor accounts reach, and name that one.';
  const checks: Check[] = [];
  for (const { name, encryption } of addins) {
    const identity = encryption === 'none' ? undefined : encryption.identity;
    if (identity?.startsWith('file:') !== true) continue;
    const file = identity.slice('file:'.length);
    const where = await whereExposed(file, own, accounts);
    if (where === null) continue;
    checks.push(caution(`identity of ${name}`, `${printable(file, 4096)} lies ${where}`, hint));
  }
  return checks;
}
