/**
 * Finds the snapshot that a new one refers to among those the plan allows, and makes it ready.
 *
 * A parent that is damaged, gone or not trusted never stops a backup: everything is then stored anew, with a
 * warning. What others wrote must not pass into a snapshot that this server signs.
 */

import type { Tree } from '../../contracts/panel.ts';
import type { Plan } from '../../contracts/provider.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import type { OpenAddin } from '../addin.ts';
import { type ListedSnapshot, readSnapshot, type Snapshot } from '../catalog.ts';
import { requireTrusted, type Trust } from '../trust.ts';
import { openParent, type ParentSnapshot } from './parent-snapshot.ts';
import type { WarningList } from './warnings.ts';

export interface ParentChoice {
  readonly addin: OpenAddin;
  readonly plan: Plan;
  readonly history: readonly ListedSnapshot[];
  readonly trees: readonly Tree[];
  readonly stateDir: string;
  readonly trust: Trust;
  /** Reads every file again. */
  readonly checksum: boolean;
  /** Sequence of the snapshot to be made. */
  readonly sequence: number;
  readonly warnings: WarningList;
  readonly signal: AbortSignal;
}

/** Null where everything is to be stored anew. */
export async function chooseParent(choice: ParentChoice): Promise<ParentSnapshot | null> {
  const { plan, addin, stateDir, signal, sequence, warnings } = choice;
  if (plan.level === 'full') return null;
  let why: string;
  try {
    const snapshot = await bestOf(choice, plan.parents);
    if (snapshot.header.addin.id === addin.id) {
      const rereadEvery = choice.checksum ? 1 : (plan.rereadEvery ?? 30);
      const options = { provider: addin.provider, stateDir, rereadEvery, turn: sequence, signal };
      return await openParent(snapshot, options);
    }
    why = 'another addin configuration made it';
  } catch (error) {
    if (!isHoldfastError(error) || !/^(OBJECT_|FORMAT_|SNAPSHOT_UNTRUSTED)/.test(error.code)) throw error;
    why = error.message;
  }
  const message = `cannot refer to snapshot ${plan.parents[0]}, so this one is a full: ${why}`;
  warnings.add({ code: 'no-usable-parent', component: 'account', message });
  return null;
}

/** The nearest that has all the account's trees whole; where none has, the nearest. */
async function bestOf(
  { addin, history, trees, trust, signal }: ParentChoice,
  parents: readonly string[],
): Promise<Snapshot> {
  let nearest: Snapshot | null = null;
  for (const id of parents) {
    const listed = history.find((one) => one.id === id);
    if (listed === undefined) throw gone(id);
    const snapshot = await readSnapshot(addin.provider, listed, signal);
    requireTrusted(snapshot, trust);
    nearest ??= snapshot;
    const whole = snapshot.body.components.filter(
      ({ type, state }) => type === 'tree' && state === 'complete',
    );
    if (trees.every(({ name }) => whole.some((one) => one.name === name))) return snapshot;
  }
  if (nearest === null) throw new TypeError('a plan without parents is that of a full');
  return nearest;
}

function gone(id: string): HoldfastError {
  return new HoldfastError(
    'OBJECT_MISSING',
    `snapshot ${id}, which is referred to, is no longer in the store`,
    {
      hint: 'Run the backup again; it refers to another snapshot or becomes a full.',
    },
  );
}
