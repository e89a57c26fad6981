/** The scope contract as runnable checks. They set the scope; the last one puts back what was there. */

import { deepEqual, match, notDeepEqual, ok } from 'node:assert/strict';
import type { Scope, ScopeValue, ScopeValues } from '../contracts/scope.ts';
import * as probe from './probes.ts';

export interface ScopeCheckContext {
  /** Legal values, two at least, each unlike the others. */
  readonly legal: readonly ScopeValue[];
  /** Values that it must refuse. */
  readonly illegal: readonly ScopeValue[];
  /** The same scope as another process would open it. */
  reopen(): Promise<Scope>;
}

export interface ScopeCheck {
  /** A sentence that completes "the scope …". */
  readonly name: string;
  run(subject: Scope, context: ScopeCheckContext): Promise<void>;
}

function fits(values: ScopeValues, value: ScopeValue): boolean {
  if (values === 'bool') return typeof value === 'boolean';
  if (values === 'int') return Number.isSafeInteger(value);
  if (values === 'string') return typeof value === 'string';
  if (values === 'array') return Array.isArray(value);
  if (values === 'mixed') return true;
  return values.some((one) => JSON.stringify(one) === JSON.stringify(value));
}

const shown = (value: ScopeValue): string => JSON.stringify(value);

export const scopeChecks: readonly ScopeCheck[] = [
  {
    name: 'has a name of the form group.kebab-case, and says in a sentence what it does',
    async run(subject) {
      match(subject.name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      ok(subject.help.trim().length >= 15 && /\s/.test(subject.help), 'the help is a sentence');
    },
  },
  {
    name: 'has a default and a value of the kind it says it takes',
    async run(subject, { legal }) {
      // Null stands for "not set" in any kind.
      for (const value of [subject.default, await subject.get(), ...legal]) {
        ok(value === null || fits(subject.values, value), `${shown(value)} is not of its kind`);
      }
      ok(legal.length >= 2, 'two legal values are given');
    },
  },
  {
    name: 'has taken a value when set resolves, for others as well, and takes it once more',
    async run(subject, { legal, reopen }) {
      const before = await subject.get();
      for (const value of legal) {
        for (const _ of ['set', 'set to what it is']) {
          await subject.set(value);
          deepEqual(await subject.get(), value, `the value after set ${shown(value)}`);
          deepEqual(await (await reopen()).get(), value, `the value of the other after set ${shown(value)}`);
        }
      }
      if (before !== null) await subject.set(before);
    },
  },
  {
    name: 'refuses other values with CONFIG_INVALID and stays as it was',
    async run(subject, { legal, illegal, reopen }) {
      const before = await subject.get();
      await subject.set(legal[0]!);
      notDeepEqual(illegal, [], 'values that it must refuse');
      for (const value of illegal) {
        await probe.rejectsWith('CONFIG_INVALID', subject.set(value), `set ${shown(value)}`);
        deepEqual(await subject.get(), legal[0], `the value after set ${shown(value)} was refused`);
        deepEqual(await (await reopen()).get(), legal[0], 'the value of the other');
      }
      if (before !== null) await subject.set(before);
    },
  },
];
