/** Asks a service about settings of a bucket, where "no", "not allowed" and "not known here" are answers. */

import { answerOf, isRightLacking } from '../failures.ts';

export type Told<T> =
  | { readonly state: 'told'; readonly value: T }
  /** There is no such setting, or no such bucket. */
  | { readonly state: 'none' }
  | { readonly state: 'denied' }
  /** The service does not know the question. */
  | { readonly state: 'unsupported' };

/** `none` names the service's error codes that mean "not set". Everything else is thrown. */
export async function ask<T>(call: Promise<T>, ...none: readonly string[]): Promise<Told<T>> {
  try {
    return { state: 'told', value: await call };
  } catch (error) {
    const { name, status } = answerOf(error);
    if (none.includes(name)) return { state: 'none' };
    if (isRightLacking(error)) return { state: 'denied' };
    if (status === 501 || status === 405 || name === 'NotImplemented') return { state: 'unsupported' };
    throw error;
  }
}

export const noBucket = 'NoSuchBucket';
