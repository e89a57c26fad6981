/** What every run says while the keys of its backups are not safe: a note, since the backup itself is good. */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { replacedKeysIn } from '../core/jobs/copy/copy-record.ts';
import { keptIdentities } from '../core/state/kept-identities.ts';
import { recipientsInForce } from '../core/state/owner-epochs.ts';
import type { State } from '../core/state/state.ts';
import { plural } from './format.ts';
import { storeOptions } from './hint-commands.ts';
import type { Output } from './output.ts';

export interface KeyWarning {
  readonly code: 'identity-unconfirmed' | 'recipients-changed';
  readonly message: string;
  readonly hint: string;
}

/** @param storeId null before the first backup */
export async function keyWarnings(
  { name, encryption, copies }: Pick<AddinConfiguration, 'name' | 'encryption' | 'copies'>,
  stateDir: string,
  storeId: string | null,
): Promise<KeyWarning[]> {
  if (encryption === 'none') return [];
  const found: KeyWarning[] = [];
  const store = storeOptions(name);
  const kept = await keptIdentities(stateDir);
  if (!encryption.recipients.some((recipient) => kept.has(recipient))) {
    found.push({
      code: 'identity-unconfirmed',
      message: `no one has proved yet that they hold an identity that opens the backups of ${name}`,
      hint: `Run holdfast key check ${store} --confirm with the identity file, or with the recovery sheet typed back.`,
    });
  }
  const wanted = [...encryption.recipients].sort().join();
  const inForce = storeId === null ? [] : await recipientsInForce(stateDir, storeId);
  const differ = inForce.filter((recipients) => [...recipients].sort().join() !== wanted).length;
  if (differ > 0) {
    found.push({
      code: 'recipients-changed',
      message: `the keys of ${plural(differ, 'account')} of ${name} are for other recipients than the configuration names`,
      hint: `Run holdfast key rotate ${store} with an identity that opens them now, one of before the change, or with credentials that can only put holdfast key rotate ${store} --epoch.`,
    });
  }
  for (const copy of copies) {
    const replaced = await replacedKeysIn(stateDir, name, copy.name);
    if (replaced === 0) continue;
    const whose = plural(replaced, 'account');
    found.push({
      code: 'recipients-changed',
      message: `the copy ${copy.name} of ${name} still holds keys of ${whose} that were replaced in the main store: earlier recipients open them`,
      hint: `Run holdfast key rotate ${storeOptions(`${name}/${copy.name}`)}.`,
    });
  }
  return found;
}

export async function noteKeyWarnings(
  output: Output,
  addin: Pick<AddinConfiguration, 'name' | 'encryption' | 'copies'>,
  stateDir: string,
  state: Pick<State, 'storeId'>,
): Promise<void> {
  for (const { code, message, hint } of await keyWarnings(addin, stateDir, state.storeId(addin.name))) {
    output.note(`warning: ${code}: ${message}`);
    output.note(`hint: ${hint}`);
  }
}
