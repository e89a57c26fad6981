/**
 * Whether the account took the place of another by the look of it: the directory is where that one's was, and does not
 * carry its UUID. A disk that is not mounted and a directory that was made or copied anew look so, and the account's
 * past lies under the UUID before.
 */

import type { Finding } from '../../archive/statistics.ts';
import { printable } from '../../printable.ts';
import { anewHint } from '../../state/carried-ids.ts';
import { readLineage } from '../../state/lineages.ts';
import type { Measures } from '../../state/measures.ts';

export interface Former {
  readonly uuid: string;
  readonly home: string;
  /** Of its newest snapshots of the same configuration, oldest first. */
  readonly recent: readonly Measures[];
}

export async function readFormer(
  { stateDir, addin }: { readonly stateDir: string; readonly addin: { readonly id: string } },
  former: { readonly uuid: string; readonly home: string } | null,
): Promise<Former | null> {
  if (former === null) return null;
  const { uuid, home } = former;
  return { uuid, home, recent: (await readLineage(stateDir, addin.id, uuid))?.recent ?? [] };
}

export function anew({ entries }: Measures, former: Former | null): Finding[] {
  if (former === null) return [];
  const { uuid, home, recent } = former;
  const message = `${printable(home, 4096)} no longer carries the UUID ${uuid}: this is taken for another account, and the snapshots before stay under that UUID. ${anewHint(former)}`;
  const usual = recent.at(-1)?.entries ?? 0;
  return [{ code: 'account-anew', what: 'entries', measured: entries, usual, message }];
}
