/**
 * The suites that know nothing of encryption, with every snapshot encrypted. Those of ordinary runs that matter
 * most: encrypted.test.ts, chain/kill.test.ts, chain/random-chains.test.ts, planted-damage.test.ts.
 */

import { describe } from 'vitest';

// For `openLab`, in this process and in those that are killed.
process.env['LAB_ENCRYPTED'] = '1';

const suites: Readonly<Record<string, () => Promise<unknown>>> = {
  'what changed': () => import('./chain/change-detection.test.ts'),
  'exports in chains': () => import('./chain/exports.test.ts'),
  parents: () => import('./chain/parents.test.ts'),
  'interrupted runs': () => import('./chain/interrupted.test.ts'),
  'silent corruption': () => import('./chain/silent-corruption.test.ts'),
  requests: () => import('./chain/requests.test.ts'),
  damage: () => import('./damage.test.ts'),
  'killed fulls': () => import('./kill.test.ts'),
  'killed incrementals': () => import('./chain/kill.test.ts'),
  'edges of a tree': () => import('./edges-of-a-tree.test.ts'),
  names: () => import('./verify-names.test.ts'),
  compaction: () => import('./compact/compact.test.ts'),
  repair: () => import('./repair/repair.test.ts'),
  pruning: () => import('./prune/real-snapshots.test.ts'),
  'restores in place': () => import('./restore-in-place.test.ts'),
  buckets: () => import('../../addins/s3/engine-on-s3.test.ts'),
  'a bucket behind faults': () => import('../../addins/s3/engine-through-faults.test.ts'),
};

describe.each(Object.entries(suites))('with encryption: %s', async (_, load) => {
  await load();
});
