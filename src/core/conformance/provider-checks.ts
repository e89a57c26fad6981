/** The provider contract as runnable checks. */

import type { ProviderCheck } from './check.ts';
import { providerByteChecks } from './provider-byte-checks.ts';
import { providerCrashChecks } from './provider-crash-checks.ts';
import { providerPlanChecks } from './provider-plan-checks.ts';
import { providerTruthChecks } from './provider-truth-checks.ts';

export const providerChecks: readonly ProviderCheck[] = [
  ...providerPlanChecks,
  ...providerByteChecks,
  ...providerTruthChecks,
  ...providerCrashChecks,
];
