/** The provider contract as runnable checks. */

import type { ProviderCheck } from './check.ts';
import { providerByteChecks } from './provider-byte-checks.ts';
import { providerPlanChecks } from './provider-plan-checks.ts';

export const providerChecks: readonly ProviderCheck[] = [...providerPlanChecks, ...providerByteChecks];
