/** Exit statuses beside each other: 0 is success, 100 to 127 are warnings, all others are failures. */

export const isFailure = (status: number): boolean => status > 0 && (status < 100 || status >= 128);

/** A failure is worse than warnings; of two alike the higher counts. */
export function worseStatus(a: number, b: number): number {
  if (isFailure(a) === isFailure(b)) return Math.max(a, b);
  return isFailure(a) ? a : b;
}

/** Of a run that ended with `status`, and of what came after it: only an interruption outranks a failure of the run. */
export const statusWithLater = (status: number, later: number): number =>
  isFailure(status) && later < 128 ? status : worseStatus(status, later);
