/**
 * How large the next part of an upload is. Pure arithmetic.
 *
 * A service takes 10,000 parts of at most 5 GiB. Where the size is known all parts are equal; else
 * parts stay at the smallest size for 1250 parts and then grow with the object, by less than 0.1 %
 * each, so that 5 TiB fit whatever the size turns out to be.
 */

const mebibyte = 1024 * 1024;
const equalParts = 1250;
const mostEqualParts = 9900;

export const largestPartBytes = 5 * 1024 * mebibyte;

export interface PartPlan {
  /** Bytes, from the settings. */
  readonly partSize: number;
  /** Bytes, where the caller knows them. */
  readonly sizeBytes: number | undefined;
}

/** Bytes of the part that follows `sentBytes`. */
export function nextPartBytes({ partSize, sizeBytes }: PartPlan, sentBytes: number): number {
  const wanted = sizeBytes === undefined ? sentBytes / equalParts : sizeBytes / mostEqualParts;
  const whole = Math.ceil(wanted / mebibyte) * mebibyte;
  return Math.min(Math.max(partSize, whole), largestPartBytes);
}
