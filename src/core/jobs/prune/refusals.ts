/** Why prune leaves the snapshots of an account alone, in words for people. */

import type { Refusal } from './types.ts';

export function looksDamaged(owner: string, site: string, what: string): Refusal {
  return {
    rule: 'shrunk',
    owner,
    message: `the newest snapshot of ${site} looks damaged: ${what}`,
    hint: 'Look at the account and pin a good snapshot; prune goes on once the smaller size has lasted.',
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
    hint: 'Run `holdfast verify`, and put the manifest back from a copy of the store.',
  };
}

/** A manifest that is not listed may be there all the same, and need what nothing else does. */
export const hasGap = (owner: string, site: string, what: string): Refusal => ({
  rule: 'gap',
  owner,
  message: `${site}: ${what}`,
  hint: `Run \`holdfast verify\`, and put back what is missing, or find out why the store does not list it; where it is lost for good, add --account ${owner} --accept-gaps.`,
});

export const wasPutBack = (owner: string, site: string): Refusal => ({
  rule: 'forked',
  owner,
  message: `numbers of snapshots of ${site} were given twice: an older state of its server was put back, and new snapshots may refer to objects that are gone`,
  hint: `Remove lineages/*/${owner}.json and parents/*/${owner} in the state directory of that server, and back the account up: a new lineage begins with a full.`,
});
