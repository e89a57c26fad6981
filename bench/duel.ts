/** Measurements: we and a peer in turn, so that a slow minute of the machine hits both. */

import type { Arena } from './arena.ts';
import type { Contestant } from './contestants/contestant.ts';
import type { Holdfast } from './contestants/holdfast.ts';
import { measure, type Sample } from './measure.ts';
import { homeOf, pathOfOneFile } from './medium-tree.ts';
import type { MeasurementName, PeerName } from './options.ts';

export interface Duel {
  readonly peer: PeerName;
  /** The n-th of ours was followed by the n-th of theirs. */
  readonly ours: readonly Sample[];
  readonly theirs: readonly Sample[];
}

export interface Measurement {
  readonly name: MeasurementName;
  readonly duels: readonly Duel[];
  /** Ours, those of the duels or, where there is no peer, all there are. */
  readonly ours: readonly Sample[];
}

export interface Peer {
  readonly name: PeerName;
  readonly contestant: Contestant;
}

type Timed = (contestant: Contestant) => Sample;

/** Meets every peer once before it meets the first of them again. */
export function measureDuels(
  name: MeasurementName,
  { us, peers, pairs }: { us: Contestant; peers: readonly Peer[]; pairs: number },
  timed: Timed,
): Measurement {
  const duels = peers.map(({ name: peer }) => ({ peer, ours: [] as Sample[], theirs: [] as Sample[] }));
  const alone: Sample[] = [];
  for (let round = 1; round <= pairs; round += 1) {
    if (peers.length === 0) alone.push(timed(us));
    for (const [index, { contestant }] of peers.entries()) {
      const duel = duels[index]!;
      duel.ours.push(timed(us));
      duel.theirs.push(timed(contestant));
      const [ours, theirs] = [duel.ours.at(-1)!, duel.theirs.at(-1)!].map((one) =>
        one.wallSeconds.toFixed(3),
      );
      console.log(`${name}, pair ${round}: ${ours} s, ${duel.peer} ${theirs} s`);
    }
  }
  return { name, duels, ours: [...duels.flatMap(({ ours }) => ours), ...alone] };
}

const versionRuns = 11;

/** `--version`; nothing is written, so nothing is waited for. */
export function measureVersion({ versionCommand }: Holdfast): Measurement {
  const ours = Array.from({ length: versionRuns }, () => measure([versionCommand], { sync: false }));
  return { name: 'version', duels: [], ours };
}

/** The arena's part in each duel. */
export const timings = (arena: Arena): Record<Exclude<MeasurementName, 'version'>, Timed> => ({
  backup: (contestant) => arena.backup(contestant),
  cold: (contestant) => arena.backup(contestant, { cold: true }),
  encrypted: (contestant) => arena.backup(contestant),
  restore: (contestant) => arena.restore(contestant),
  account: (contestant) => arena.restore(contestant, homeOf(arena.tree.largestAccount)),
  'one-file': (contestant) => arena.restore(contestant, pathOfOneFile(arena.tree)),
});
