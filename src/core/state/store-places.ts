/**
 * Where the store of each addin configuration was when it was written to last.
 *
 * For credentials that can only put: they cannot ask a store for its id, so only its place tells that a
 * configuration now names another one, in which neither the keys nor the parents of new snapshots lie.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';

const fileOf = (stateDir: string): string => join(stateDir, 'store-places.json');

/** Digests, as a place may hold more than a state should tell. */
const digestOf = (place: string): string => createHash('sha256').update(place).digest('hex');

async function readPlaces(stateDir: string): Promise<Record<string, unknown>> {
  const read = await readJsonFile(fileOf(stateDir));
  const places = ('value' in read ? (read.value as { places?: unknown } | null) : null)?.places;
  return typeof places === 'object' && places !== null && !Array.isArray(places) ? { ...places } : {};
}

/** @throws STORE_FOREIGN the configuration of this name wrote elsewhere before */
export async function requireSamePlace(stateDir: string, name: string, place: string): Promise<void> {
  const known = (await readPlaces(stateDir))[name];
  if (known === undefined || known === digestOf(place)) return;
  throw new HoldfastError(
    'STORE_FOREIGN',
    `the store of ${name} is at another place than before, and its credentials cannot ask which store that is`,
    {
      hint: 'Correct the store, give the configuration or the copy a new name, or run one backup with credentials that can read.',
    },
  );
}

export async function rememberPlace(stateDir: string, name: string, place: string): Promise<void> {
  const places = await readPlaces(stateDir);
  if (places[name] === digestOf(place)) return;
  await writeJsonFile(fileOf(stateDir), { version: 1, places: { ...places, [name]: digestOf(place) } });
}
