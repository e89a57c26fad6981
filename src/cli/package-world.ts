/** What processes of addin packages must not see, told by the configuration as far as it can be read. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageWorld } from '../core/addins/open-addin.ts';
import { addinsNamed } from './builtin-addins.ts';

/** The variables are those of Holdfast; which of them a process gets is decided where it is started. */
export const packageWorld =
  (configDir: string): PackageWorld =>
  async () => ({ env: process.env, accounts: await accountDirectories(configDir) });

/** Empty where there is no valid panel: a configuration that is judged later. */
async function accountDirectories(configDir: string): Promise<readonly string[]> {
  try {
    const text = await readFile(join(configDir, 'config.json'), 'utf8');
    const { panel } = JSON.parse(text.replace(/^\ufeff/, '')) as { panel: { use: string } };
    const found = (await addinsNamed([panel.use])).find(({ kind }) => kind === 'panel');
    return found?.kind === 'panel' ? (found.directories?.(panel) ?? []) : [];
  } catch {
    return [];
  }
}
