/** How set-up says what it has found. */

import type { SetupFinding } from '../../../core/index.ts';

export function finding(
  name: string,
  state: 'ok' | 'note' | 'warning' | 'error',
  detail: string,
  hint: string | null = null,
): SetupFinding {
  return { name, state, detail, hint, code: state === 'error' ? 'STORE_UNSOUND' : null, mendable: false };
}

export const mendable = (one: SetupFinding): SetupFinding => ({ ...one, mendable: true });
export const unreadable = (state: string): string =>
  state === 'denied' ? 'the credentials may not look' : 'the service does not tell';
