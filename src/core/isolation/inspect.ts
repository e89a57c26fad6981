/** Which protections this host gives to the process of a store: one is started without any store, and asked. */

import { readlinkSync } from 'node:fs';
import { startFirst } from './addin-host.ts';
import { usualPatience } from './addin-process.ts';
import { storeUser } from './addin-user.ts';
import { type IsolationWorld, protectedLaunches } from './isolate.ts';
import type { Protections } from './protections.ts';

export interface Inspection {
  readonly protections: Protections;
  /** User it was meant to run as; null: no user of that name, a number alone. */
  readonly user: string | null;
  /** What it lacks, in plain words; empty where all of it is there. */
  readonly missing: readonly string[];
}

/** @throws ADDIN_FAILED not even an unprotected process can be started */
export async function inspectIsolation(world: IsolationWorld): Promise<Inspection> {
  const user = storeUser();
  const name = 'the trial of isolation';
  const place = {
    ...{ name, opening: {}, root: '/usr', secrets: [] },
    ...{ whose: 'own' as const, needs: { network: false } },
  };
  const process = await startFirst({
    ...{ name, secrets: [], patience: usualPatience },
    launches: () => protectedLaunches(place, user, world),
  });
  try {
    const request = {
      method: 'protections',
      what: 'a look',
      params: {},
      signal: new AbortController().signal,
    };
    const protections = (await process.peer.call(request)) as Protections;
    return { protections, user: user.name, missing: missingIn(protections, user.uid) };
  } finally {
    await process.close();
  }
}

function missingIn(found: Protections, uid: number): string[] {
  const lacks: readonly (readonly [boolean, string])[] = [
    [found.uid !== uid, 'a user of its own'],
    [found.capabilities, 'freedom from capabilities'],
    [!found.noNewPrivileges, 'no new privileges'],
    [found.mounts === readlinkSync('/proc/self/ns/mnt'), 'a mount namespace that hides the accounts'],
    [found.network === readlinkSync('/proc/self/ns/net'), 'a way to withhold the network'],
    [found.memoryBytes === null, 'a limit on memory'],
  ];
  return lacks.filter(([lack]) => lack).map(([, what]) => what);
}
