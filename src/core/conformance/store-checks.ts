/**
 * The store contract as runnable checks, cheapest first within each group.
 *
 * What a store cannot do by its own declaration is left out by `when`; nothing else is ever skipped.
 */

import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';
import { storeBodyChecks } from './store-body-checks.ts';
import { storeCreateChecks } from './store-create-checks.ts';
import { storeCrowdChecks } from './store-crowd-checks.ts';
import { storeFreshChecks } from './store-fresh-checks.ts';
import { storeGetChecks } from './store-get-checks.ts';
import { storeListChecks } from './store-list-checks.ts';
import { storeLockChecks } from './store-lock-checks.ts';
import { storePutChecks } from './store-put-checks.ts';
import { storeStopChecks } from './store-stop-checks.ts';
import { storeVersionChecks } from './store-version-checks.ts';

const putOnlyCheck: StoreCheck = {
  name: 'accepts objects of any size without being able to read them',
  when: (capabilities) => capabilities.putOnly,
  async run(subject, context) {
    for (const length of [0, 1, 10 * probe.mebibyte]) {
      const result = await probe.put(
        subject,
        context,
        `${context.prefix}${length}`,
        context.randomBytes(length),
      );
      if (result.sizeBytes !== length) throw new Error(`put told ${result.sizeBytes} bytes, not ${length}`);
    }
  },
};

/** Every other check reads back what it wrote. */
function readable(check: StoreCheck): StoreCheck {
  const { when } = check;
  return { ...check, when: (capabilities) => !capabilities.putOnly && (when?.(capabilities) ?? true) };
}

export const storeChecks: readonly StoreCheck[] = [
  putOnlyCheck,
  ...[
    ...storePutChecks,
    ...storeCreateChecks,
    ...storeBodyChecks,
    ...storeGetChecks,
    ...storeListChecks,
    ...storeFreshChecks,
    ...storeCrowdChecks,
    ...storeStopChecks,
    ...storeVersionChecks,
    ...storeLockChecks,
  ].map(readable),
];
