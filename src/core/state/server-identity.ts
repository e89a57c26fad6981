/**
 * Which server this is: a UUID given once, and the machine it was given to.
 *
 * A cloned machine brings the state of its model along. It must not write under the other's name, so
 * another machine id means another UUID; the old one is kept as a note of where the clone came from.
 */

import { createHash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { printable } from '../printable.ts';
import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { isIdentityFile, isPreviousIdentity } from './state-schemas.ts';

export interface ServerIdentity {
  readonly uuid: string;
  /** UUID of the account `_system`, which has no directory to keep it on. */
  readonly systemUuid: string;
  /** UUIDs this state had on other machines, oldest first. */
  readonly previous: readonly { readonly uuid: string; readonly untilMs: number }[];
}

/** The present one last. */
export const allUuids = ({ uuid, previous }: ServerIdentity): readonly string[] => [
  ...previous.map((one) => one.uuid),
  uuid,
];

export interface IdentityDependencies {
  readonly now: () => number;
  /** A new UUID. */
  readonly newUuid: () => string;
  /** Text of `/etc/machine-id`; null where there is none, and clones then go unnoticed. */
  readonly machineId: () => Promise<string | null>;
}

interface IdentityFile extends ServerIdentity {
  readonly version: 1;
  /** SHA-256 of the machine id, which itself is not for publication. */
  readonly machine: string | null;
}

/** Reads the identity, or gives one. `notes` receives what an administrator should know. */
export async function openIdentity(
  path: string,
  deps: IdentityDependencies,
  notes: string[],
): Promise<ServerIdentity> {
  const id = (await deps.machineId())?.trim() || null;
  const machine = id === null ? null : createHash('sha256').update(`holdfast machine ${id}`).digest('hex');
  const known = await readIdentity(path, deps, notes);
  if (known === null) {
    const fresh = {
      version: 1,
      uuid: deps.newUuid(),
      systemUuid: deps.newUuid(),
      machine,
      previous: [],
    } as const;
    if (await writeJsonFile(path, fresh, { createOnly: true })) return identityOf(fresh);
    // Another process was first.
    return openIdentity(path, deps, notes);
  }
  if (known.machine === null && machine !== null) await writeJsonFile(path, { ...known, machine });
  if (machine === null || known.machine === null || known.machine === machine) return identityOf(known);
  const moved = {
    version: 1,
    uuid: deps.newUuid(),
    systemUuid: deps.newUuid(),
    machine,
    previous: [...known.previous, { uuid: known.uuid, untilMs: deps.now() }],
  } as const;
  await writeJsonFile(path, moved);
  notes.push(`this machine is a copy of server ${known.uuid}; it is server ${moved.uuid} from now on`);
  return identityOf(moved);
}

async function readIdentity(
  path: string,
  deps: IdentityDependencies,
  notes: string[],
): Promise<IdentityFile | null> {
  const read = await readJsonFile(path);
  if ('missing' in read) return null;
  const aside = `${path}.broken-${deps.now()}`;
  if ('value' in read && isIdentityFile(read.value)) {
    const previous: unknown = read.value['previous'];
    const sound = Array.isArray(previous) ? previous.filter(isPreviousIdentity) : [];
    const known = { ...read.value, previous: sound };
    if (Array.isArray(previous) && sound.length === previous.length) return known;
    await writeJsonFile(aside, read.value);
    await writeJsonFile(path, known);
    notes.push(
      `not all UUIDs that this server had before can be read; ${printable(aside)} has what was there`,
    );
    return known;
  }
  await rename(path, aside);
  notes.push('the identity of this server was damaged; it has a new one, and full snapshots follow');
  return null;
}

function identityOf({ uuid, systemUuid, previous }: IdentityFile): ServerIdentity {
  return { uuid, systemUuid, previous };
}

export function isUuid(value: unknown): value is string {
  return (
    typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(value)
  );
}
