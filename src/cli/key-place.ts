/**
 * Where a new identity may not lie: beside what it opens, or where an account can reach it.
 *
 * Knows only what this machine's configuration tells; without one, a store is recognised by what lies in it.
 */

import { access, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { storeFileKey } from '../core/archive/keys.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import { type Loaded, perStore } from './configuration.ts';
import { openPanel } from './opened.ts';

/** @throws USAGE the file would lie inside a store, the state or an account */
export async function checkKeyPlace(context: CliContext, loaded: Loaded | null, file: string): Promise<void> {
  const path = await resolved(file);
  const store = await storeAround(dirname(path));
  if (store !== null) throw refused(path, `inside the store ${quoted(store, 4096)}`);
  if (loaded === null) return;
  const { configuration } = loaded;
  for (const { name, store: settings } of configuration.addins.flatMap(perStore)) {
    const root = settings['path'];
    if (typeof root === 'string' && isWithin(path, await resolved(root))) {
      throw refused(path, `inside the store of ${name}`);
    }
  }
  if (isWithin(path, await resolved(configuration.stateDir)))
    throw refused(path, 'inside the state directory');
  const site = await accountAround(context, loaded, path);
  if (site !== null) throw refused(path, `inside the account ${quoted(site)}`);
}

async function accountAround(
  { world, signal, output }: CliContext,
  loaded: Loaded,
  path: string,
): Promise<string | null> {
  try {
    const { panel } = await openPanel(loaded, world);
    for (const { site, home, trees } of await panel.accounts({ signal })) {
      const roots = [...(home === null ? [] : [home]), ...trees.map((tree) => tree.path)];
      // Files of the system itself are an account as well, and the only place left for a key.
      if (site === '_system') continue;
      for (const root of roots) if (isWithin(path, await resolved(root))) return site;
    }
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    output.note(`warning: it is not known whether an account can reach the file: ${error.message}`);
  }
  return null;
}

/** As the kernel will see it: the file need not exist yet, its directory may be a link. */
async function resolved(path: string): Promise<string> {
  const whole = resolve(path);
  try {
    return await realpath(whole);
  } catch {
    if (dirname(whole) === whole) return whole;
    return join(await resolved(dirname(whole)), basename(whole));
  }
}

async function storeAround(directory: string): Promise<string | null> {
  for (let at = directory; ; at = dirname(at)) {
    const found = await access(join(at, storeFileKey)).then(
      () => true,
      () => false,
    );
    if (found) return at;
    if (dirname(at) === at) return null;
  }
}

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root === '/' ? '/' : `${root}/`);

function refused(path: string, where: string): HoldfastError {
  return new HoldfastError(
    'USAGE',
    `an identity does not belong there: ${quoted(path, 4096)} lies ${where}`,
    {
      hint: 'Name a file that neither backups nor accounts reach, best on another machine.',
    },
  );
}
