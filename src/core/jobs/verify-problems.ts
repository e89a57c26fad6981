/**
 * What is found wrong with one snapshot while it is verified.
 */

import { type ErrorCode, isHoldfastError } from '../errors.ts';
import type { VerifyProblem } from './verify-types.ts';

/** The codes a problem has; whatever else fails counts as damage. */
export const worstFirst = [
  'OBJECT_MISSING',
  'OBJECT_DAMAGED',
  'SNAPSHOT_UNTRUSTED',
  'IDENTITY_WRONG',
] as const;

export interface Found {
  readonly problem: VerifyProblem;
  readonly code: ErrorCode;
  /** It says that a stored object is not as it was written, which need not cost the snapshot anything. */
  readonly isDamage: boolean;
}

/** Paths that one verification names; a store that has lost a disk holds more of them than a report. */
export const namedPaths = 100_000;

/** What the snapshots of one verification share. */
export interface ProblemTotals {
  /** The first identity that was wrong. */
  wrongKey: unknown;
  /** How many more paths are named. */
  pathsLeft: number;
}

export class Problems {
  readonly #found: Found[] = [];
  readonly #totals: ProblemTotals;
  #unnamed = 0;

  constructor(totals: ProblemTotals) {
    this.#totals = totals;
  }

  /** All of them; paths that are not named are one. */
  get found(): readonly Found[] {
    if (this.#unnamed === 0) return this.#found;
    const message = `${this.#unnamed} more paths, too many to be named here`;
    const problem = { object: null, component: null, path: null, message };
    return [...this.#found, { problem, code: 'OBJECT_DAMAGED', isDamage: false }];
  }

  /** What a path has lost. */
  addPath(problem: Pick<VerifyProblem, 'component' | 'path' | 'message'>): void {
    if (this.#totals.pathsLeft === 0) this.#unnamed += 1;
    else {
      this.#totals.pathsLeft -= 1;
      this.add(problem);
    }
  }

  add(
    problem: Partial<VerifyProblem> & { readonly message: string },
    code?: ErrorCode,
    isDamage = false,
  ): void {
    this.#found.push({
      problem: { object: null, component: null, path: null, ...problem },
      code: worstFirst.find((one) => one === code) ?? 'OBJECT_DAMAGED',
      isDamage,
    });
  }

  /**
   * Where it fails by what is stored, that is a problem.
   *
   * @param isStored it compares an object with what was written
   * @returns the code it failed with; null where it did not
   * @throws what is not about the snapshot
   */
  async attempt(
    action: () => Promise<void>,
    about: Partial<VerifyProblem>,
    { isStored = false } = {},
  ): Promise<ErrorCode | null> {
    try {
      await action();
      return null;
    } catch (error) {
      if (!isHoldfastError(error) || !/^(OBJECT_|FORMAT_|SNAPSHOT_|IDENTITY_WRONG)/.test(error.code))
        throw error;
      if (error.code === 'IDENTITY_WRONG') this.#totals.wrongKey ??= error;
      const isDamage = isStored && error.code === 'OBJECT_DAMAGED';
      this.add({ ...about, message: error.message }, error.code, isDamage);
      return error.code;
    }
  }

  /** What is read; null where that fails as an attempt does. */
  async read<T>(read: () => Promise<T>, about: Partial<VerifyProblem>): Promise<T | null> {
    let result: T | null = null;
    const action = async (): Promise<void> => {
      result = await read();
    };
    await this.attempt(action, about);
    return result;
  }
}
