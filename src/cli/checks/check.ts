/** What a check of `doctor` says, and how errors become one. */

import type { ErrorCode } from '../../core/errors.ts';
import { knownError } from '../../core/system-error.ts';
import type { DoctorDocument } from '../documents/doctor.ts';

export type Check = DoctorDocument['checks'][number];

export const ok = (name: string, detail: string): Check => ({
  name,
  state: 'ok',
  detail,
  hint: null,
  code: null,
});

export const caution = (name: string, detail: string, hint: string | null = null): Check => ({
  name,
  state: 'warn',
  detail,
  hint,
  code: null,
});

export const fault = (name: string, code: ErrorCode, detail: string, hint: string | null = null): Check => ({
  name,
  state: 'error',
  detail,
  hint,
  code,
});

/** What `action` finds, or the error it ends with. */
export async function attempt(
  name: string,
  action: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await action();
  } catch (error) {
    const known = knownError(error);
    if (known !== null) return [fault(name, known.code, known.message, known.hint ?? null)];
    const message = error instanceof Error ? error.message : String(error);
    return [fault(name, 'INTERNAL', message)];
  }
}
