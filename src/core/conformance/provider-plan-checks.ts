/**
 * Checks of `Provider.plan`: which answers are allowed, and that asking changes nothing.
 *
 * Every check works on a made-up history; nothing of it is in the store.
 */

import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import type { HistoryItem, Level, Plan, PlanRequest } from '../contracts/provider.ts';
import type { CheckContext, ProviderCheck } from './check.ts';
import { faultyStore } from './faulty-store.ts';
import * as probe from './probes.ts';

const owner = '5f0c9a52-7a0e-4c1e-9f57-6a2b5c1d8e90';
const dayMs = 86_400_000;

/** Snapshots of one owner, a day apart, oldest first. */
function historyOf(levels: readonly Level[]): readonly HistoryItem[] {
  return Object.freeze(
    levels.map((level, index) =>
      Object.freeze({
        sequence: index + 1,
        id: (index + 1).toString(16).padStart(12, '0'),
        atMs: 1_760_000_000_000 + index * dayMs,
        level,
        state: 'complete' as const,
        manifestKey: `manifests/server/${owner}/${index + 1}`,
      }),
    ),
  );
}

function planRequest(
  context: CheckContext,
  requested: PlanRequest['requested'],
  levels: readonly Level[],
): PlanRequest {
  const history = historyOf(levels);
  const nowMs = 1_760_000_000_000 + levels.length * dayMs;
  return Object.freeze({ owner, requested, history, nowMs, signal: context.signal });
}

export const providerPlanChecks: readonly ProviderCheck[] = [
  {
    name: 'has a kebab-case name and can write fulls',
    async run(subject) {
      match(subject.name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      ok(subject.capabilities.levels.includes('full'), 'levels include full');
    },
  },
  {
    name: 'plans a full without parents where there is no history',
    async run(subject, context) {
      for (const requested of ['auto', 'full'] as const) {
        const plan = await subject.plan(planRequest(context, requested, []));
        deepEqual([plan.level, plan.parents], ['full', []], `plan for ${requested}`);
        notEqual(plan.reason, '', 'the reason');
      }
    },
  },
  {
    name: 'plans a full without parents on request, whatever the history',
    async run(subject, context) {
      const plan = await subject.plan(planRequest(context, 'full', ['full', ...subject.capabilities.levels]));
      deepEqual([plan.level, plan.parents], ['full', []]);
    },
  },
  {
    name: 'plans only levels it claims, on parents that are in the history',
    async run(subject, context) {
      const { levels } = subject.capabilities;
      for (const requested of ['auto', ...levels] as const) {
        const request = planRequest(context, requested, ['full', ...levels, 'full', ...levels]);
        const plan: Plan = await subject.plan(request);
        ok(levels.includes(plan.level), `plan for ${requested} is ${plan.level}`);
        equal(plan.parents.length === 0, plan.level === 'full', 'exactly a full has no parents');
        equal(new Set(plan.parents).size, plan.parents.length, 'no parent is named twice');
        for (const id of plan.parents)
          ok(
            request.history.some((item) => item.id === id),
            `unknown parent ${id}`,
          );
      }
    },
  },
  {
    name: 'refuses a level it does not claim with CONFIG_INVALID',
    async run(subject, context) {
      for (const requested of ['differential', 'incremental'] as const) {
        if (subject.capabilities.levels.includes(requested)) continue;
        for (const history of [[], ['full', 'full']] as const) {
          const plan = subject.plan(planRequest(context, requested, history));
          await probe.rejectsWith('CONFIG_INVALID', plan, `plan for ${requested}`);
        }
      }
    },
  },
  {
    name: 'plans the same twice and writes nothing meanwhile',
    async run(_subject, context) {
      const store = faultyStore(context.store);
      const provider = await context.open(store);
      for (const requested of ['auto', ...provider.capabilities.levels] as const) {
        const request = planRequest(context, requested, ['full', 'full']);
        deepEqual(await provider.plan(request), await provider.plan(request));
      }
      deepEqual([store.calls.put, store.calls.remove], [0, 0], 'puts and removals');
    },
  },
];
