/** Whether the store of an addin configuration can be reached and is the right one. */

import { storeFileKey } from '../../core/archive/keys.ts';
import type { AddinConfiguration } from '../../core/config/load-configuration.ts';
import type { Store } from '../../core/contracts/store.ts';
import type { Account } from '../../core/index.ts';
import { companionHash, companionProblems, readCompanions } from '../../core/jobs/companions.ts';
import { afterLoss } from '../../core/jobs/foreign-store.ts';
import { readStoreFile } from '../../core/jobs/store-file.ts';
import { firstKey } from '../../core/jobs/store-identity.ts';
import { openTrust, trustIn } from '../../core/jobs/trust.ts';
import { printable } from '../../core/printable.ts';
import type { State } from '../../core/state/state.ts';
import type { Loaded } from '../configuration.ts';
import { openStore } from '../opened.ts';
import type { World } from '../world.ts';
import { attempt, type Check, caution, fault, ok } from './check.ts';
import { checkPlain } from './encryption.ts';
import { checkPast } from './past.ts';

export interface StoreLook {
  readonly state: State | null;
  readonly accounts: readonly Account[];
  readonly world: World;
  readonly signal: AbortSignal;
}

export async function checkStore(
  loaded: Loaded,
  addin: AddinConfiguration,
  { state, accounts, world, signal }: StoreLook,
): Promise<readonly Check[]> {
  const name = `store of ${addin.name}`;
  return attempt(name, async () => {
    const { store, provider, copies } = await openStore(loaded, addin, world);
    const { stateDir, trustedSigners } = loaded.configuration;
    try {
      const file = await readStoreFile(store, signal);
      const remembered = state?.storeId(addin.name) ?? null;
      const checks: Check[] = [];
      if (addin.encryption === 'none') checks.push(await checkPlain(addin.name, { store, state }, signal));
      if (file === null)
        checks.push(await checkUnused(name, { remembered, copies }, () => firstKey(store, signal)));
      else if (remembered !== null && remembered !== file.store) {
        const detail = `it has the id ${file.store}, and this server wrote to ${remembered} before`;
        checks.push(fault(name, 'STORE_FOREIGN', detail, 'Correct the store in the addin configuration.'));
      } else {
        checks.push(ok(name, `${addin.store.use} ${file.store} can be read`));
        checks.push(await checkCompanions(store, addin.name, signal));
        const [trust, named] = [await openTrust(stateDir, trustedSigners), trustIn(trustedSigners)];
        // Copies hold the same.
        if (!addin.name.includes('/'))
          checks.push(
            ...(await checkPast(addin.name, accounts, { store, provider, state, trust, named, signal })),
          );
      }
      return checks;
    } finally {
      await store.close();
    }
  });
}

/** Whoever restores without Holdfast runs one of them as root. */
async function checkCompanions(store: Store, addin: string, signal: AbortSignal): Promise<Check> {
  const name = `rescue.py of ${addin}`;
  const [problem, ...more] = companionProblems(await readCompanions(store, signal));
  if (problem === undefined)
    return ok(name, `is that of Holdfast, with SHA-256 ${await companionHash('rescue.py')}`);
  const detail = [problem, ...more].map(({ message }) => message).join('; ');
  const hint = 'Run holdfast backup, which puts it right; until then take rescue.py from the package.';
  return caution(name, detail, hint);
}

async function checkUnused(
  name: string,
  { remembered, copies }: { readonly remembered: string | null; readonly copies: readonly string[] },
  look: () => Promise<string | null>,
): Promise<Check> {
  const other = await look();
  if (remembered !== null) {
    const what = other === null ? 'is not there any more' : `has lost its ${storeFileKey}`;
    const hint = afterLoss({ isCopy: name.includes('/'), copies });
    return fault(name, 'STORE_FOREIGN', `the store ${remembered} ${what}`, hint);
  }
  if (other === null) return ok(name, 'is empty, and is made ready by the first backup');
  const detail = `is not empty and no store of Holdfast (it holds ${printable(other)})`;
  return fault(name, 'STORE_FOREIGN', detail, 'Use an empty directory, bucket or prefix.');
}
