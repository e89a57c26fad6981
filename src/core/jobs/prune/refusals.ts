/** Why prune leaves snapshots alone, those of an account or all, in words for people. */

import { clockToleranceMs } from '../retention/decide.ts';
import type { Gap } from './gaps.ts';
import type { Survey } from './survey.ts';
import type { PruneRequest, Refusal } from './types.ts';

/** Of the snapshots, where nothing else is configured; and how many may go whatever their share. */
const usualShare = 0.5;
const handful = 5;

export function looksDamaged(owner: string, site: string, what: string): Refusal {
  return {
    rule: 'shrunk',
    owner,
    message: `the newest snapshot of ${site} looks damaged: ${what}`,
    hint: 'Look at the account, and pin one of the good snapshots before it, without an end: then prune goes on; or wait until the smaller size has lasted. Pins from before it became so small do not count.',
  };
}

export const unknownPlan = (owner: string, site: string): Refusal => ({
  rule: 'unknown-plan',
  owner,
  message: `nobody knows which plan or domain ${site} has, or had, and rules of "policy" go by it`,
  hint: 'Mend the account in the panel, or give it a rule with its site as "account".',
});

export function damagedManifest(owner: string, { message }: { readonly message: string }): Refusal {
  return {
    rule: 'damaged-manifest',
    owner,
    message: `${message}; nobody knows which objects it needs, so no object is removed`,
    hint: 'Run `holdfast repair --apply`, which takes the manifest from a copy, or puts a whole revision above it: then prune removes it a day later.',
  };
}

/** A manifest that is not listed may be there all the same, and need what nothing else does. */
export const hasGap = (owner: string, site: string, { message, isThere }: Gap): Refusal => ({
  rule: 'gap',
  owner,
  message: `${site}: ${message}`,
  hint:
    isThere === true
      ? 'Find out why the store does not list it, then run prune again.'
      : `Run \`holdfast repair\`, which takes from a copy what is missing, or find out why the store does not list it; where it is lost for good, add --account ${owner} --accept-gaps.`,
});

export const wasPutBack = (owner: string, site: string): Refusal => ({
  rule: 'forked',
  owner,
  message: `numbers of snapshots of ${site} were given twice: an older state of its server was put back, and new snapshots may refer to objects that are gone`,
  hint: `Remove lineages/*/${owner}.json and parents/*/${owner} in the state directory of that server, and back the account up: a new lineage begins with a full.`,
});

/** @param apartMs by how much the clocks of this machine and of the store differ */
export function clockRefusal(apartMs: number): Refusal[] {
  const seconds = Math.round(apartMs / 1000);
  if (seconds * 1000 <= clockToleranceMs) return [];
  return [
    {
      rule: 'clock',
      owner: null,
      message: `the clocks of this machine and of the store differ by ${seconds} s, so no age can be trusted`,
      hint: 'Set the clock that is wrong, then run prune again.',
    },
  ];
}

export function shareRefusal({ retention, maxRemoveShare }: PruneRequest, { owners }: Survey): Refusal[] {
  // An erasure has asked for it, and nobody can read those snapshots any more.
  const all = [...owners.values()].flatMap(({ decisions }) =>
    decisions.filter(({ erased }) => erased !== true),
  );
  const going = all.filter(({ keep }) => !keep).length;
  const allowed = maxRemoveShare ?? retention?.maxRemoveShare ?? usualShare;
  // Divided, so that the share of the hint is enough: 0.29 times a hundred is less than 29.
  if (going <= handful || going / all.length <= allowed) return [];
  const percent = Math.round((100 * going) / all.length);
  const enough = Math.ceil((100 * going) / all.length) / 100;
  return [
    {
      rule: 'share',
      owner: null,
      message: `${going} of ${all.length} snapshots would go: ${percent} %, more than the ${Math.round(100 * allowed)} % allowed at once`,
      hint: `Check the retention rules; if this is meant, add --max-remove-share ${enough} for this run.`,
    },
  ];
}

export const pinnedMeanwhile = (site: string): Refusal => ({
  rule: 'changed',
  owner: null,
  message: `a snapshot of ${site} was pinned meanwhile`,
  hint: 'Run prune again.',
});

export const newDamage = (message: string): Refusal => ({
  rule: 'damaged-manifest',
  owner: null,
  message: `${message}; it was written meanwhile, so the rest of the objects stays`,
  hint: 'Run `holdfast verify`.',
});
