/**
 * Where an identity may not lie: beside what it opens, or where an account can reach it.
 *
 * Knows only what this machine's configuration tells; without one, a store is recognised by what lies in it.
 */

import { access, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { storeFileKey } from '../core/archive/keys.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Account } from '../core/index.ts';
import type { OwnDirectory } from '../core/jobs/backup/own-directories.ts';
import { quoted } from '../core/printable.ts';
import { resolveSecrets } from '../core/settings/secrets.ts';
import type { CliContext } from './command.ts';
import { type ConfiguredPlaces, configuredPlaces } from './configured-places.ts';
import { definitionOf } from './definition-of.ts';

/**
 * Warns of what cannot be judged.
 *
 * @throws USAGE one of the files would lie inside a store, the state or an account
 */
export async function checkKeyPlaces(context: CliContext, files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const places = await configuredPlaces(context.configDir);
  const accounts = await accountsOf(places, context);
  for (const file of files) {
    const where = await whereExposed(file, places.own, accounts);
    if (where === null) continue;
    const shown = quoted(await resolved(file), 4096);
    const message = `an identity does not belong there: ${shown} lies ${where}`;
    throw new HoldfastError('USAGE', message, {
      hint: 'Name a file that neither backups nor accounts reach, best on another machine.',
    });
  }
  for (const what of places.unknown) context.output.note(`warning: it is not known ${what}`);
}

/** `inside the store of nightly`, or null. */
export async function whereExposed(
  file: string,
  own: readonly OwnDirectory[],
  accounts: readonly Account[],
): Promise<string | null> {
  const path = await resolved(file);
  const store = await storeAround(dirname(path));
  if (store !== null) return `inside the store ${quoted(store, 4096)}`;
  for (const { path: root, what } of own) if (isWithin(path, await resolved(root))) return `inside ${what}`;
  for (const { site, home, trees } of accounts) {
    const roots = [...(home === null ? [] : [home]), ...trees.map((tree) => tree.path)];
    // Files of the system itself are an account as well, and the only place left for a key.
    if (site === '_system') continue;
    for (const root of roots) {
      if (isWithin(path, await resolved(root))) return `inside the account ${quoted(site)}`;
    }
  }
  return null;
}

async function accountsOf(
  { panel: settings, definitions }: ConfiguredPlaces,
  { world, signal, output }: CliContext,
): Promise<readonly Account[]> {
  if (settings === null) return [];
  try {
    const definition = definitionOf(definitions, 'panel', settings.use);
    const panel = await definition.open(await resolveSecrets(settings, definition.settingsSchema, world));
    return await panel.accounts({ signal, brief: true });
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    output.note(`warning: it is not known whether an account can reach the file: ${error.message}`);
    return [];
  }
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
