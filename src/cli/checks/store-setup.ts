/** What the place of a store is like, as far as looking can tell: lifecycle rules, versions, modes, room. */

import type { AddinConfiguration } from '../../core/config/load-configuration.ts';
import type { State } from '../../core/state/state.ts';
import type { Loaded } from '../configuration.ts';
import { fullBytes } from '../full-size.ts';
import { openSetup, setupRequest } from '../opened-setup.ts';
import type { World } from '../world.ts';
import { attempt, type Check, caution, fault, ok } from './check.ts';

export async function checkSetup(
  loaded: Loaded,
  addin: AddinConfiguration,
  { state, world }: { readonly state: State | null; readonly world: World },
): Promise<readonly Check[]> {
  const name = `store of ${addin.name}`;
  return attempt(name, async () => {
    const setup = await openSetup(loaded, addin, world);
    if (setup === null) return [];
    try {
      const request = setupRequest(addin, state?.server.uuid ?? null, world);
      const { stateDir } = loaded.configuration;
      const full = state === null ? null : await fullBytes(stateDir, state, addin.name);
      const asked = full === null ? request : { ...request, fullBytes: full };
      return (await setup.inspect(asked)).map((finding): Check => {
        const detail = `${finding.name}: ${finding.detail}`;
        if (finding.code !== null) return fault(name, finding.code, detail, finding.hint);
        return finding.state === 'warning' ? caution(name, detail, finding.hint) : ok(name, detail);
      });
    } finally {
      await setup.close();
    }
  });
}
