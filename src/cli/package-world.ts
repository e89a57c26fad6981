/** What processes of addin packages must not see, told by the configuration as far as it can be read. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageWorld } from '../core/addins/open-addin.ts';
import { type Isolation, isolationOf } from '../core/config/isolation.ts';
import { stateDirOf } from '../core/config/load-configuration.ts';
import type { Settings } from '../core/index.ts';
import { packageUser } from '../core/isolation/addin-user.ts';
import { addinsNamed } from './builtin-addins.ts';

/** The variables are those of Holdfast; which of them a process gets is decided where it is started. */
export const packageWorld =
  (configDir: string): PackageWorld =>
  async () => {
    const { stateDir } = (await readConfig(configDir)) as { readonly stateDir?: unknown };
    const where = stateDirOf(configDir, typeof stateDir === 'string' ? stateDir : undefined);
    const userOf = async (addin: string) => {
      const { addinNumber } = await import('../core/state/addin-users.ts');
      return packageUser(await addinNumber(where, addin));
    };
    return { env: process.env, accounts: await accountDirectories(configDir), userOf };
  };

/** What the configuration says of our own stores and notifiers, also where the rest of it is not valid. */
export async function configuredIsolation(configDir: string): Promise<Isolation> {
  const { isolation } = (await readConfig(configDir)) as { isolation?: 'on' | 'off' };
  return isolationOf(isolation);
}

/** Empty where there is no valid panel: a configuration that is judged later. */
async function accountDirectories(configDir: string): Promise<readonly string[]> {
  const { panel } = (await readConfig(configDir)) as { panel?: Settings & { readonly use?: unknown } };
  try {
    const [found] = await addinsNamed([String(panel?.use)]);
    return found?.kind === 'panel' ? (found.directories?.(panel ?? {}) ?? []) : [];
  } catch {
    return [];
  }
}

async function readConfig(configDir: string): Promise<unknown> {
  try {
    const text = await readFile(join(configDir, 'config.json'), 'utf8');
    return JSON.parse(text.replace(/^\ufeff/, '')) ?? {};
  } catch {
    return {};
  }
}
